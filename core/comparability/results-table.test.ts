import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatCsv, formatLatex, formatMarkdown, type ExportTable } from "./results-table";

const table: ExportTable = {
  caption: "atlas, generator a_b & c",
  columns: ["atlas/held-out", "50% | more"],
  rows: [
    {
      label: 's3 3-2-1, "best"',
      published: false,
      trainingSamples: 192,
      cells: [
        {
          value: 56.04,
          low: 50,
          high: 61.26,
          p: 0.003,
          rank: { low: 1, high: 1, group: "a" },
          smallestDifference: 3.44,
          seeds: { count: 3, mean: 55.5, deviation: 1.25 },
          macro: 50.25,
          types: [
            { type: "nq", scored: 300, mean: 60 },
            { type: "hotpotqa", scored: 285, mean: 40.5 },
          ],
          unread: 0.5,
          questions: 585,
          costs: {
            searches: 2,
            documents: 4.5,
            tokens: 812.3456789,
            seconds: 0.1,
            costUsd: 0.0000125,
          },
        },
        null,
      ],
    },
    {
      label: "=cmd()",
      published: false,
      cells: [
        {
          value: 42,
          low: 36,
          high: 48,
          p: 0.4,
          rank: { low: 2, high: 3, group: "bc" },
          smallestDifference: 3.44,
        },
        {
          value: 10,
          note: "incomplete: 72 of 585",
          questions: 72,
          costs: { searches: 0, documents: 0, tokens: null, seconds: 1, costUsd: null },
        },
      ],
    },
    { label: "IRCoT", published: true, cells: [{ value: 51.6 }, null] },
  ],
};

/** The fields of CSV, by RFC 4180. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let [field, quoted] = ["", false];
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') field += text[++i]!;
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") {
      rows.at(-1)!.push(field);
      field = "";
    } else if (c === "\r" && text[i + 1] === "\n") {
      rows.at(-1)!.push(field);
      rows.push([]);
      field = "";
      i++;
    } else field += c;
  }
  return rows.slice(0, -1);
}

describe("export", () => {
  it("as CSV: a line a figure, formulas defused, any text comes back as it was", () => {
    const lines = readCsv(formatCsv(table));
    expect(lines[0]).toEqual([
      "method",
      "origin",
      "questions",
      "percent",
      "low",
      "high",
      "p_holm",
      "note",
      "scored",
      "searches",
      "documents",
      "tokens",
      "seconds",
      "cost_usd",
      "training_samples",
      "rank_low",
      "rank_high",
      "tie_group",
      "smallest_difference",
      "seeds",
      "seeds_mean",
      "seeds_deviation",
      "macro_mean",
      "by_type",
      "unread_replies",
    ]);
    expect(lines.slice(1)).toEqual([
      [
        's3 3-2-1, "best"',
        "reproduced",
        "atlas/held-out",
        "56.0400",
        "50.0000",
        "61.2600",
        "0.003000",
        "",
        "585",
        "2",
        "4.5",
        "812.346",
        "0.1",
        "0.0000125",
        "192",
        "1",
        "1",
        "a",
        "3.44",
        "3",
        "55.5",
        "1.25",
        "50.25",
        "nq 60.0 (300); hotpotqa 40.5 (285)",
        "0.5",
      ],
      [
        "'=cmd()",
        "reproduced",
        "atlas/held-out",
        "42.0000",
        "36.0000",
        "48.0000",
        "0.4000",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "2",
        "3",
        "bc",
        "3.44",
        ...Array<string>(6).fill(""),
      ],
      [
        "'=cmd()",
        "reproduced",
        "50% | more",
        "10.0000",
        "",
        "",
        "",
        "incomplete: 72 of 585",
        "72",
        "0",
        "0",
        "",
        "1",
        "",
        "",
        ...Array<string>(10).fill(""),
      ],
      [
        "IRCoT",
        "published",
        "atlas/held-out",
        "51.6000",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        ...Array<string>(10).fill(""),
      ],
    ]);
    fc.assert(
      fc.property(fc.string(), (label) => {
        const [, line] = readCsv(
          formatCsv({
            caption: "",
            columns: ["x"],
            rows: [{ label, published: false, cells: [{ value: 1 }] }],
          }),
        );
        expect(line?.[0]?.replace(/^'/, "")).toBe(label.replace(/^'/, ""));
      }),
    );
  });

  it("as Markdown: one table, pipes escaped, published rows marked, significance starred", () => {
    const text = formatMarkdown(table);
    expect(text).toContain("| Method | atlas/held-out | 50% \\| more |\n| --- | ---: | ---: |");
    expect(text).toContain(
      '| s3 3-2-1, "best" | 56.0 [50.0–61.3] \\*, #1 a, avg@3 55.5, s 1.3, over 2 types 50.3, unread 0.5 |  |',
    );
    expect(text).toContain(
      "| =cmd() | 42.0 [36.0–48.0], #2–3 bc, n.s., sees 3.4 | 10.0 (incomplete: 72 of 585) |",
    );
    expect(text).toContain("| IRCoT (published) | 51.6 |  |");
    for (const line of text.split("\n").filter((l) => l.startsWith("|")))
      expect(line.match(/(?<!\\)\|/g)).toHaveLength(4);
  });

  it("as LaTeX: special characters escaped, as many cells as columns", () => {
    const text = formatLatex(table);
    expect(text).toContain("\\caption{atlas, generator a\\_b \\& c. Percent");
    expect(text).toContain("50\\% \\textbar{} more");
    expect(text).toContain("56.0$^{*}$ {\\scriptsize [50.0, 61.3]}");
    expect(text).toContain("{\\scriptsize , \\#2--3 bc, n.s., sees 3.4}");
    expect(text).toContain("IRCoT \\textit{(published)} & 51.6 & --");
    fc.assert(
      fc.property(fc.string(), (label) => {
        const [, after] = formatLatex({
          caption: "c",
          columns: ["x"],
          rows: [{ label, published: false, cells: [null] }],
        }).split("\\midrule\n");
        const line = after!.split("\n")[0]!;
        expect(line.replaceAll("\\&", "").match(/&/g)).toHaveLength(1);
        expect(line.replaceAll(/\\[%$#_{}&]|\$\\cdot\$|\$-\$/g, "")).not.toMatch(/[%$#_~^]/);
      }),
    );
  });
});
