 curl -X POST \
  'https://s-ct3.sarv.com/v2/clickToCall/para?user_id=USER_ID&token=TOKEN&from=FROM_NUMBER&to=TO_NUMBER' \
  -H 'cache-control: no-cache'
