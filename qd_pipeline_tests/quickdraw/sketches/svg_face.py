"""The face as an SVG."""

NAMESPACE = "http://www.w3.org/2000/svg"
SVG_HEAD = f'<svg xmlns="{NAMESPACE}" viewBox="0 0 300 300">'


def svg(body: str, head: str = SVG_HEAD) -> bytes:
    return f'<?xml version="1.0"?>{head}{body}</svg>'.encode()


LINE = 'fill="none" stroke="black" stroke-width="3"'
SVG_FACE = (
    f'<g transform="translate(10 20) scale(0.9)"><circle cx="128" cy="128" r="127" {LINE}/>'
    f'<line x1="80" y1="80" x2="80" y2="100" {LINE}/><path d="M170 80v20" {LINE}/>'
    f'<polyline points="70,170 100,200 150,200 190,170" style="fill:none;stroke:blue"/></g>'
)
