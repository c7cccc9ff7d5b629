"""What a node does about its campaigns' leads: claims some, has them spoken to, calls them, gives them back."""
