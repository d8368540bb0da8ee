"""Figures of several peers side by side, and how many times faster rein is: table.py FILE.jsonl ...

A figure that stands in several files was taken in as many rounds: its median is the rounds' median, its range theirs. A ratio is the median of
the rounds' ratios, each of two figures taken within the same minutes, so that a machine that others use as well does not favour one side.
"""
import json
import statistics
import sys


def number(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def shown(r):
    return f"{number(r['median'])} ({number(r['least'])} .. {number(r['most'])})"


def rounds_of(paths):
    """(peer, work) -> its rows, one a round, in order"""
    out = {}
    for path in paths:
        with open(path) as f:
            for line in f:
                if line.startswith("{"):
                    r = json.loads(line)
                    out.setdefault((r["peer"], r["work"]), []).append(r)
    return out


def merged(rows):
    return {"median": statistics.median(r["median"] for r in rows), "least": min(r["least"] for r in rows), "most": max(r["most"] for r in rows)}


def main():
    found = rounds_of(sys.argv[1:])
    print("| work | unit | peer | peer's figure | rein's figure | rein is (least .. most) |\n| --- | --- | --- | --- | --- | --- |")
    for (peer, work), rows in found.items():
        if peer == "rein":
            continue
        mine = found.get(("rein", work))
        ratios = [m["median"] / r["median"] for m, r in zip(mine or [], rows)]
        ratio = f"{statistics.median(ratios):.1f} x ({min(ratios):.1f} .. {max(ratios):.1f})" if ratios else "-"
        print(f"| {work} | {rows[0]['unit']} | {peer} | {shown(merged(rows))} | {shown(merged(mine)) if mine else '-'} | {ratio} |")
    for (peer, work), rows in found.items():
        if peer == "rein" and rows[0]["unit"].startswith("CPU-seconds"):
            print(f"| `{work}` | {rows[0]['unit']} | | | {shown(merged(rows))} | |")


if __name__ == "__main__":
    main()
