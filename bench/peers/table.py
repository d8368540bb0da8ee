"""Figures of several peers side by side, and how many times faster rein is: table.py FILE.jsonl ..."""
import json
import sys


def number(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def shown(r):
    return f"{number(r['median'])} ({number(r['least'])} .. {number(r['most'])})"


def main():
    rows = [json.loads(line) for path in sys.argv[1:] for line in open(path) if line.strip()]
    mine = {r["work"]: r for r in rows if r["peer"] == "rein"}
    print("| work | unit | peer | peer's figure | rein's figure | rein is |\n| --- | --- | --- | --- | --- | --- |")
    for r in rows:
        if r["peer"] == "rein":
            continue
        m = mine.get(r["work"])
        print(f"| {r['work']} | {r['unit']} | {r['peer']} | {shown(r)} | {shown(m) if m else '-'} | {m['median'] / r['median']:.1f} x |" if m else
              f"| {r['work']} | {r['unit']} | {r['peer']} | {shown(r)} | - | - |")
    for r in mine.values():
        if r["unit"].startswith("CPU-seconds"):
            print(f"| `{r['work']}` | {r['unit']} | | | {shown(r)} | |")


if __name__ == "__main__":
    main()
