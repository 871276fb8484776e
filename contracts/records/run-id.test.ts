import { expect, it } from "vitest";
import { compareRunsRequestSchema } from "@/contracts/api/run-comparison";

const ID = "0f8fad5b-d9cb-469f-a165-70867728950e";

it("a run's id is read with hyphens or, as MLflow writes it, without", () => {
  const ids = [ID, ID.replaceAll("-", ""), ID.toUpperCase()];
  expect(compareRunsRequestSchema.parse({ ids }).ids).toEqual([ID, ID, ID]);
});

it.each(["", "0f8fad5b", `${ID}0`, ID.replace("-", ""), "g".repeat(32), `${ID}\n`])(
  "%j is no run's id",
  (id) => expect(compareRunsRequestSchema.safeParse({ ids: [id] }).success).toBe(false),
);
