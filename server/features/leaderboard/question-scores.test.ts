import { describe, expect, it } from "vitest";
import { decodeQuestionScores, encodeQuestionScores, numberGroups } from "./question-scores";

describe("outcomes", () => {
  it("are a byte each where all are right or wrong, else four, and come back as they were", () => {
    const binary = Float32Array.from([1, 0, NaN, 1]);
    const graded = Float32Array.from([1, 0.5, NaN, 0]);
    expect(encodeQuestionScores(binary)).toHaveLength(4);
    expect(decodeQuestionScores(encodeQuestionScores(binary), 4)).toEqual(binary);
    expect(encodeQuestionScores(graded)).toHaveLength(16);
    expect(decodeQuestionScores(encodeQuestionScores(graded), 4)).toEqual(graded);
    expect(() => decodeQuestionScores(new Uint8Array(5), 4)).toThrow(RangeError);
    expect([...numberGroups(["a", null, "b", "a"])]).toEqual([0, -1, 1, 0]);
  });
});
