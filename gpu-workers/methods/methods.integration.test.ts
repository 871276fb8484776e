import { describe, expect, it } from "vitest";
import { methodNameSchema } from "@/contracts/records/episode";
import {
  configOf,
  describeOnSets,
  openServices,
  ran,
  type RealSet,
} from "./testing/methods-on-sets";

/** The set with options and answers by letter; methods.long.test.ts has the others. */
const SETS: readonly RealSet[] = ["pubmedqa"];
openServices(SETS);

describe("every method on the embedded default", () => {
  it.each(methodNameSchema.options)(
    "%s answers two questions of Atlas",
    async (method) => {
      const records = await ran(configOf(method, { limit: 2 }));
      expect(records).toHaveLength(2);
    },
    400_000,
  ); // A machine that is busy with other work takes minutes.
});

describeOnSets(SETS);
