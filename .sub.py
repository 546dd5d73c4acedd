from pathlib import Path
def sub(path, *pairs):
    p = Path(path); t = p.read_text()
    for a, b in pairs:
        if a not in t: print("MISSING", path, repr(a[:150])); continue
        t = t.replace(a, b)
    p.write_text(t)
