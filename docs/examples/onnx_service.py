"""Translate images by HTTP with an exported graph. Needs onnxruntime, numpy and Pillow; neither torch nor this toolbox.

python onnx_service.py zebra.onnx 8000
curl --data-binary @horse.jpg http://127.0.0.1:8000 > zebra.png
"""
import io
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import onnxruntime
from PIL import Image

MOST_BYTES, MOST_PIXELS, FEWEST = 2**24, 2**22, 16


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        length = self.headers.get('Content-Length', '')
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.send_error(413, f'send an image of at most {MOST_BYTES} bytes')
            return
        try:
            image = Image.open(io.BytesIO(self.rfile.read(int(length))))
            if image.width * image.height > MOST_PIXELS or min(image.size) < FEWEST:
                raise ValueError('too large or too small')
            pixels = np.asarray(image.convert('RGB'))
        except Exception:  # Pillow raises many kinds
            self.send_error(400, f'send an image of at least {FEWEST} pixels a side and at most {MOST_PIXELS} in all')
            return
        Image.fromarray(self.server.translate(pixels)).save(file := io.BytesIO(), 'PNG')
        self.send_response(200)
        self.send_header('Content-Type', 'image/png')
        self.end_headers()
        self.wfile.write(file.getvalue())


def main():
    session = onnxruntime.InferenceSession(sys.argv[1])
    name = session.get_inputs()[0].name
    server = HTTPServer(('127.0.0.1', int(sys.argv[2])), Service)
    server.translate = lambda pixels: session.run(None, {name: pixels[None]})[0][0]
    print(f'http://127.0.0.1:{server.server_port}', flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
