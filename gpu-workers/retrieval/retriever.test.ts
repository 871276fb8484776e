import { expect, it } from "vitest";
import { describeProgress, parseProgress } from "./retriever";

it("what a retriever says of its opening is read again as counts, for a bar", () => {
  const progress = { phase: "encoding", done: 640, total: 1159, detail: "encoding (7/s)" } as const;
  expect(parseProgress(describeProgress(progress))).toEqual({ done: 640, total: 1159 });
  expect(parseProgress(describeProgress({ ...progress, total: 1 }))).toBeNull();
});
