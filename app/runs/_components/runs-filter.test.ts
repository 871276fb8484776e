import { describe, expect, it } from "vitest";
import { formatCondition, formatSort, parseCondition, readRunsFilter } from "./runs-filter";

const read = (query: string) => readRunsFilter(new URLSearchParams(query));

describe("the filter of the runs' address", () => {
  it("reads conditions by their first sign, the longer of two", () => {
    expect(parseCondition("rl.steps >= 100")).toEqual({
      path: "rl.steps",
      sign: ">=",
      value: "100",
    });
    expect(parseCondition("searcher.model=a<b")?.value).toBe("a<b");
    expect(formatCondition(parseCondition("rl.kl!=0.1")!)).toBe("rl.kl!=0.1");
    expect(parseCondition("param:optim/max-lr >= 1e-4")).toEqual({
      path: "param:optim/max-lr",
      sign: ">=",
      value: "1e-4",
    });
    expect(parseCondition("param: =1")).toBeNull();
    expect(parseCondition("no sign")).toBeNull();
    expect(parseCondition("not a path=1")).toBeNull();
  });

  it("keeps what it knows of an address and gives the rest its default", () => {
    expect(
      read("kind=train&tags=a,b&where=rl.steps>3;nonsense&cols=last:reward/mean,x&shelf=y"),
    ).toEqual({
      state: "all",
      kind: "train",
      tags: ["a", "b"],
      preset: null,
      settings: [{ path: "rl.steps", sign: ">", value: "3" }],
      shelf: "listed",
      folded: false,
      columns: ["last:reward/mean"],
      sort: "newest",
    });
  });

  it("sorts by a column in either direction", () => {
    for (const text of [
      "-best:held-out/accuracy",
      "setting:rl.steps",
      "-param:optim/max lr",
      "name",
    ])
      expect(formatSort(read(`sort=${text}`).sort)).toBe(text);
    expect(formatSort(read("sort=nonsense").sort)).toBeNull();
  });
});
