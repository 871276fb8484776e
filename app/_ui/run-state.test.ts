import { expect, it } from "vitest";
import { getStateTone } from "./run-state";

it("does not praise a training for having come to its end", () => {
  expect(getStateTone("succeeded", "train")).toBe("neutral");
  expect(getStateTone("succeeded", "predict")).toBe("good");
  expect(getStateTone("succeeded", undefined)).toBe("good");
  expect(getStateTone("failed", "train")).toBe("bad");
});
