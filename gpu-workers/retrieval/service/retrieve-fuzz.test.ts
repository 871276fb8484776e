import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { buildRetrieveRequestSchema, RETRIEVE_LIMITS } from "@/contracts/formats/retrieve";
import { createHostileInputs } from "@/lib/testing/hostile-inputs";
import { closeAll, serveWords } from "./testing/word-retriever";

afterEach(closeAll);

describe("the /retrieve service, asked for anything", () => {
  it("answers or refuses with a word, and never with a defect", async () => {
    const { service } = await serveWords();
    const schema = buildRetrieveRequestSchema({ ...RETRIEVE_LIMITS, topk: 5, queries: 8 }, 3);
    const inputs = createHostileInputs(schema, { uuids: ["a"], texts: ["a query", "another"] });
    const bodies = fc
      .sample(inputs, { seed: 11, numRuns: 300 })
      .map((body) => JSON.stringify(body));
    for (const body of [...bodies, "", "{", "\u0000", '{"queries":["\\ud800"]}', "[".repeat(1e5)]) {
      const response = await fetch(`${service.url}/retrieve`, { method: "POST", body });
      const text = await response.text();
      expect([200, 400], `${body.slice(0, 200)} -> ${text.slice(0, 200)}`).toContain(
        response.status,
      );
    }
  });
});
