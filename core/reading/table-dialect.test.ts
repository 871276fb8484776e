import { describe, expect, it } from "vitest";
import type { ReadingSettings } from "@/contracts/formats/reading";
import { detectDialect } from "./table-dialect";
import { TableParser } from "./table-parser";

describe("quotes of a table", () => {
  const heading = "id\tquestion\tanswers\n";
  const detect = (text: string, quoting: ReadingSettings["quoting"] = "auto") => {
    const { dialect, doubt } = detectDialect(text, true, { delimiter: "auto", quoting });
    const parser = new TableParser(dialect);
    return {
      quoting: dialect.quoting,
      doubt,
      rows: [...parser.push(text), ...parser.end()].slice(1),
    };
  };
  const told = (text: string) => {
    const { quoting, doubt, rows } = detect(text);
    return [quoting, doubt, rows.length];
  };

  it("hold fields together also where other rows are broken", () => {
    const rows = '2\t"open\tB\n3\t"two\nlines"\tC\n4\t"x" y\tD\n5\tplain\tE\n6\t"a\nb\nc"\tF\n';
    for (const first of ['1\t"Who\nsang ""X""?"\tA\n', '1\t"Who\nsang it?"\tA\n']) {
      const found = detect(heading + first + rows);
      expect([found.quoting, found.doubt]).toEqual(["doubled", null]);
      expect(
        found.rows.map((row) => (row.problem === undefined ? row.fields[0] : [row.line])),
      ).toEqual(["1", [4], "3", [7], "5", "6"]);
    }
    expect(told('"id"\t"answers"\n"1"\t"Who "is" it?"\n"2"\t"B"\n')).toEqual(["doubled", null, 2]);
  });

  it("belong to the text where none closes a field", () => {
    expect(told(`${heading}1\t"Heroes" by whom?\tDavid\n2\ta\tb\n`)).toEqual(["none", null, 2]);
  });

  it("are asked about where both could be meant and the values differ", () => {
    const cases: [string, string][] = [
      [`${heading}1\t"Heroes" by whom?\tDavid\n2\tWhich song?\t"Heroes"\n`, "none"],
      // Two rows would be one.
      [`${heading}1\t"Heroes by whom?\tDavid\n2\tWho sang 5"\tX\n`, "none"],
      ['id,question,answers\n1,"Heroes by whom?,David\n2,Who sang 5",X\n', "none"],
      ['id,question,answers\n1,Who said \\"hi\\" then?,A\n', "backslash"],
    ];
    for (const [text, other] of cases) {
      expect(detect(text).doubt, text).toContain(`set the quoting to doubled or to ${other}`);
      for (const quoting of ["doubled", other] as ReadingSettings["quoting"][])
        expect(detect(text, quoting).doubt).toBeNull();
    }
    for (const text of [
      `${heading}1\tWho?\t["a", "say \\"hi\\""]\n`,
      'id,question,answers\r1,"a\nx",b\r',
      `${heading}1\tWho said "hi"?\tA "B" C\n2\t5" of what?\t"Low"\n`,
    ])
      expect(told(text).slice(0, 2), text).toEqual(["doubled", null]);
  });
});
