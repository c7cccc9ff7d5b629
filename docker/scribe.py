"""The lab's engine of transcripts: which of the carrier's tones are heard in a recording, and when, as JSON."""

import json
import sys

from docker.tones import read, tones


def main() -> None:
    found = tones(read(sys.argv[1]))
    heard = sorted({stretch.hz for stretch in found})
    segments = [
        {"text": f"{each.hz} Hz", "start_time": round(each.start_seconds, 2), "end_time": round(each.end_seconds, 2)}
        for each in found
    ]
    print(json.dumps({"text": ", ".join(f"{hz} Hz" for hz in heard), "segments": segments}))


if __name__ == "__main__":
    main()
