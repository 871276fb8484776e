import { describe, expect, it } from "vitest";
import { mergePage, mergePages, type ListPage } from "./live-pages";

/** A page of rows "a b c"; "…" at its end: another page follows. */
const page = (text: string): ListPage => ({
  rows: text
    .replace("…", "")
    .trim()
    .split(" ")
    .map((id) => ({ id })),
  nextCursor: text.endsWith("…") ? "next" : null,
});
const say = (merged: ListPage | null) =>
  merged && merged.rows.map(({ id }) => id).join(" ") + (merged.nextCursor === null ? "" : " …");

describe("a page that was read again", () => {
  it("grows by the rows that came, and loses none that they pushed out of the answer", () => {
    expect(say(mergePage(page("c b a …"), page("e d c …")))).toBe("e d c b a …");
    expect(say(mergePage(page("e d c b a …"), page("f e d …"))), "and again").toBe("f e d c b a …");
    expect(say(mergePage(page("c b a …"), page("c x b …"))), "also within").toBe("c x b a …");
  });

  it("has the new values and the order of what was read", () => {
    const fresh = { rows: [{ id: "b" }, { id: "c", state: "succeeded" }], nextCursor: "x" };
    expect(mergePage(page("c b a …"), fresh)).toEqual({
      rows: [...fresh.rows, { id: "a" }],
      nextCursor: "next",
    });
  });

  it("is not known where rows left it, or none is left that was there", () => {
    expect(mergePage(page("c b a …"), page("c a x …"))).toBeNull();
    expect(mergePage(page("c b a …"), page("z y x …"))).toBeNull();
    expect(mergePage(page("c b a …"), page("c b"))).toBeNull();
  });

  it("is as it was read where it is the last one", () => {
    expect(say(mergePage(page("c b a"), page("c b a z …")))).toBe("c b a z …");
    expect(say(mergePage(page("c b a"), page("b a")))).toBe("b a");
  });
});

describe("a list", () => {
  const pages = [page("f e …"), page("d c …"), page("b a")];

  it("keeps the pages that were not read again", () => {
    const merged = mergePages(pages, new Map([[0, page("g f …")]]))!;
    expect(merged.map(say)).toEqual(["g f e …", "d c …", "b a"]);
    expect(merged[1]).toBe(pages[1]);
  });

  it("is read whole where a row has moved from one page to another", () => {
    // The last row of the first page is gone, and the next page's first one came in its place.
    expect(mergePages(pages, new Map([[0, page("f d …")]]))).toBeNull();
  });
});
