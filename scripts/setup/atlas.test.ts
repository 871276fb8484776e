import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import {
  EXAMPLE_COUNTRIES,
  HELD_OUT_COUNTRIES,
  cleanValue,
  collectFacts,
  makeAtlas,
  normalise,
} from "./atlas.mjs";

type Row = Record<string, unknown>;
const read = (file: string) =>
  JSON.parse(
    readFileSync(resolve("node_modules/country-json/src", `${file}.json`), "utf8"),
  ) as Row[];
const atlas = makeAtlas(read);
const questions = [...atlas.train, ...atlas.heldOut];
const textById = new Map(atlas.corpus.map((card) => [card.id, card.text]));

describe("cleaning", () => {
  it.each([
    ["capital", "Bruxelles [Brussel]", "Bruxelles"],
    ["capital", "Luxembourg [Luxemburg/L", "Luxembourg"],
    ["capital", "Colombo, Sri Jayawardenepura Kotte", null],
    ["currency", " Euro", "Euro"],
    ["religion", null, null],
    ["calling", 254, "254"],
    ["independence", -660, null],
    ["independence", 1963, "1963"],
    ["dish", "Ecuador, , ", ["Ecuador"]],
    ["dish", "Tum Mak Hoong (Som Tum, its Thai name)", ["Tum Mak Hoong"]],
    ["dish", "Beef, string hoppers, and appam", ["Beef", "string hoppers", "appam"]],
    ["dish", "No officially announced national dish", null],
  ] as const)("%s: %j becomes %j", (fact, raw, clean) => {
    expect(cleanValue(fact, raw)).toEqual(clean);
  });

  it("keeps the first of two rows about one country", () => {
    const facts = collectFacts((file: string) =>
      file === "country-by-calling-code"
        ? [
            { country: "A", calling_code: 1 },
            { country: "A", calling_code: 2 },
          ]
        : [],
    );
    expect(facts.get("A")).toEqual({ calling: "1" });
  });
});

describe("Atlas", () => {
  it("has the promised sizes", () => {
    expect(atlas.corpus.length).toBeGreaterThan(1_000);
    expect(atlas.train.length).toBeGreaterThanOrEqual(1_300);
    expect(atlas.heldOut.length).toBeGreaterThanOrEqual(500);
    expect(new Set(atlas.heldOut.map((q) => q.group)).size).toBe(HELD_OUT_COUNTRIES);
  });

  it("is the same every time", () => {
    expect(JSON.stringify(makeAtlas(read))).toBe(JSON.stringify(atlas));
  });

  it("has unique documents and questions", () => {
    for (const ids of [
      atlas.corpus.map((c) => c.id),
      questions.map((q) => q.id),
      questions.map((q) => q.question),
      atlas.corpus.map((c) => c.text),
    ]) {
      expect(new Set(ids).size).toBe(ids.length);
    }
    expect(textById.get("kenya:capital")).toBe("Nairobi is the capital city of Kenya.");
  });

  it("splits by country and keeps the countries of examples out", () => {
    const train = new Set(atlas.train.map((q) => q.group));
    expect(atlas.heldOut.filter((q) => train.has(q.group))).toEqual([]);
    expect(questions.filter((q) => EXAMPLE_COUNTRIES.includes(q.group))).toEqual([]);
    expect(atlas.examples.map((q) => q.group).toSorted()).toEqual(EXAMPLE_COUNTRIES.toSorted());
    for (const { goldIds, goldTexts } of atlas.examples)
      expect(goldTexts).toEqual(goldIds.map((id) => textById.get(id)));
  });

  it("answers every question from its two gold cards, the second of which the question does not name", () => {
    for (const { question, answers, goldIds, group, goldQueries } of questions) {
      expect(goldIds).toHaveLength(2);
      const [bridge, fact] = goldIds.map((id) => textById.get(id) ?? "");
      expect(bridge).toContain(group);
      expect(answers.some((answer) => normalise(fact ?? "").includes(normalise(answer)))).toBe(
        true,
      );
      expect(normalise(question)).not.toContain(normalise(group));
      expect(goldQueries).toHaveLength(1);
      expect(goldQueries[0]).toContain(group);
    }
  });

  it("asks about no bridge that two countries share, in the whole of the data", () => {
    const all = [...collectFacts(read).values()];
    for (const { question } of questions) {
      const bridge = normalise(
        /(?:capital|national dish) is (.+)\?$/.exec(
          question.replace(/ independent\?$/, "?"),
        )?.[1] ?? question,
      );
      const isCapital = / capital is /.test(question);
      const owners = all.filter((facts) =>
        (isCapital ? [String(facts.capital)] : (facts.dish ?? [])).some(
          (value) => normalise(value) === bridge,
        ),
      );
      expect(owners.length, question).toBe(1);
    }
  });
});
