import { describe, expect, it } from "vitest";
import { computeLineageCuts } from "./attempt-lineage";

const train = { kind: "train", ownAxis: false, firstSteps: new Map<number, number>() } as const;

describe("computeLineageCuts", () => {
  it("keeps everything of a single attempt", () => {
    expect(computeLineageCuts([{ number: 1, fromStep: null }], train).get(1)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  it("cuts earlier attempts at the step a later one went on from", () => {
    const cuts = computeLineageCuts(
      [
        { number: 1, fromStep: null },
        { number: 2, fromStep: 10 },
        { number: 3, fromStep: 5 },
      ],
      train,
    );
    expect([cuts.get(1), cuts.get(2), cuts.get(3)]).toEqual([5, 5, Number.POSITIVE_INFINITY]);
  });

  it("drops everything before an attempt that began from the beginning", () => {
    const cuts = computeLineageCuts(
      [
        { number: 1, fromStep: null },
        { number: 2, fromStep: 4 },
        { number: 3, fromStep: null },
      ],
      train,
    );
    expect([cuts.get(1), cuts.get(2)]).toEqual([-1, -1]);
  });

  it("lets the later attempt's own report of the shared step win", () => {
    const cuts = computeLineageCuts(
      [
        { number: 1, fromStep: null },
        { number: 2, fromStep: 5 },
      ],
      { ...train, firstSteps: new Map([[2, 5]]) },
    );
    expect(cuts.get(1)).toBe(4);
  });

  it("leaves a cold start alone when a later attempt goes on after it", () => {
    const options = { ...train, ownAxis: true };
    expect(
      computeLineageCuts(
        [
          { number: 1, fromStep: null },
          { number: 2, fromStep: 0 },
        ],
        options,
      ).get(1),
    ).toBe(Number.POSITIVE_INFINITY);
    expect(
      computeLineageCuts(
        [
          { number: 1, fromStep: null },
          { number: 2, fromStep: null },
        ],
        options,
      ).get(1),
    ).toBe(-1);
  });

  it("joins the attempts of a predict run by what each reported", () => {
    const cuts = computeLineageCuts(
      [
        { number: 1, fromStep: null },
        { number: 2, fromStep: null },
      ],
      {
        kind: "other",
        ownAxis: false,
        firstSteps: new Map([
          [1, 1],
          [2, 31],
        ]),
      },
    );
    expect(cuts.get(1)).toBe(30);
  });
});
