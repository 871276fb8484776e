import { describe, expect, it } from "vitest";
import { readFilter, readOrder, type ReadValue } from "./search-filter";

const build =
  (values: Record<string, string | number>): ReadValue =>
  (of, key) =>
    values[`${of}.${key}`];

const RUN = build({
  "metrics.val/acc": 0.5,
  "params.lr": "0.1",
  "tags.mlflow.user": "ada",
  "attributes.run_name": "it's 100%",
  "attributes.start_time": 7,
});

describe("a filter of runs", () => {
  it.each([
    ["", true],
    ["metrics.`val/acc` >= 0.5", true],
    [`metrics."val/acc" > 0.5`, false],
    ["metric.other = 1", false],
    [`params.lr = "0.1" AND tags.\`mlflow.user\` != 'bob'`, true],
    [`params.lr = '0.1' and params.lr = '0.2'`, false],
    [`run_name = 'it\\'s 100%'`, true],
    ["attributes.run_name LIKE 'it%100_'", true],
    ["attributes.run_name LIKE 'IT%'", false],
    ["attributes.run_name ILIKE 'IT%'", true],
    ["start_time < 8", true],
    ["tags.`mlflow.user` IN ('bob', 'ada')", true],
    ["tags.`mlflow.user` NOT IN ('ada')", false],
    ["params.other IS NULL", true],
    ["params.lr IS NOT NULL", true],
  ])("reads %s", (filter, fits) => expect(readFilter(filter)(RUN)).toBe(fits));

  it.each(["metrics.a", "metrics.a >", "= 3", "a = 1 b = 2", "a IN (1", "a = 1 and", "a ? 1"])(
    "refuses %s with a reason",
    (filter) => expect(() => readFilter(filter)).toThrow(/The filter .* is not valid/),
  );
});

it("an order goes by each of its keys, and puts last what has no value", () => {
  const runs = [{ a: 1, b: 1 }, { a: 2, b: 1 }, { b: 2 }, { b: 1 }].map((values) =>
    build(
      Object.fromEntries(Object.entries(values).map(([key, value]) => [`metrics.${key}`, value])),
    ),
  );
  const order = readOrder(["metrics.b DESC", "metrics.a"]);
  expect([...runs].sort(order).map((run) => runs.indexOf(run))).toEqual([2, 0, 1, 3]);
});
