import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blankThoughts, findUnreadMark, joinThoughts, splitThoughts } from "./thoughts";

describe("thoughts in a text", () => {
  it.each([
    ["<think>\nParis?\n</think>\n\nRome", "Rome", "Paris?", false],
    ["Paris?\n</think>\n\nRome", "Rome", "Paris?", false],
    ["<think>Paris?", "", "Paris?", true],
    ["<think>a</think> b </think> Rome", "Rome", "a b", false],
    ["<think>one</think>Rome<think>two</think>", "Rome", "one\n\ntwo", false],
    ["<think>\n\n</think>\n\nRome", "Rome", null, false],
    ["<Thinking>Paris?</Thinking>Rome", "Rome", "Paris?", false],
    ["[THINK]Paris?[/THINK]Rome", "Rome", "Paris?", false],
    ["◁think▷Paris?◁/think▷Rome", "Rome", "Paris?", false],
    ["<think>Shall I write <think>? No.</think>Rome", "Rome", "Shall I write <think>? No.", false],
    [
      "<|channel|>analysis<|message|>Paris?<|end|><|start|>assistant<|channel|>final<|message|>Rome",
      "Rome",
      "Paris?",
      false,
    ],
    [" Rome ", " Rome ", null, false],
    ["I think Rome", "I think Rome", null, false],
    ["", "", null, false],
  ])("of %j: the rest is %j", (text, rest, thoughts, open) =>
    expect(splitThoughts(text)).toEqual({ text: rest, thoughts, open }),
  );

  it("begin with the prompt where the chat template opened them", () => {
    const prompt = "<|im_start|>assistant\n<think>\n";
    expect(splitThoughts("Paris?", prompt)).toEqual({ text: "", thoughts: "Paris?", open: true });
    expect(splitThoughts("Paris?</think>Rome", prompt).text).toBe("Rome");
    expect(splitThoughts("Rome", "Mind the tag <think> in this question.").text).toBe("Rome");
  });

  it("between marks that are not read are known, and never in a text that was split", () => {
    for (const text of [
      "<|begin_of_thought|>Paris?<|end_of_thought|>Rome",
      "<|START_THINKING|>Paris?<|END_THINKING|>Rome",
      "<|channel>thought\nParis?<channel|>Rome",
      "<mm:think>Paris?</mm:think>Rome",
      "<longcat_think>Paris?</longcat_think>Rome",
      "<think time=3>Paris?</think time>Rome",
      "analysisThe user asks for a capital: Paris?assistantfinalRome",
    ])
      expect(findUnreadMark(splitThoughts(text).text), text).not.toBeNull();
    for (const text of [
      "Rome",
      "<think>Paris?</think>Rome",
      "<seed:think>Paris?</seed:think>Rome",
      "I think it is <b>Rome</b>; the analysis of a final is over",
      "analysis of variance",
    ])
      expect(findUnreadMark(splitThoughts(text).text), text).toBeNull();
  });

  const word = fc.stringMatching(/^[a-z]{1,12}$/);
  it("are never in the rest, whatever they are", () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), word, (thought, answer) => {
        const thoughts = thought.map((each) => `T${each}`).join(" ");
        for (const text of [
          `<think>${thoughts}</think>${answer}`,
          `${thoughts}</think>\n${answer}`,
          joinThoughts(thoughts, answer),
          `${answer}<think>${thoughts}`,
        ])
          expect(splitThoughts(text)).toMatchObject({ text: answer, thoughts: thoughts || null });
      }),
    );
  });

  it("are blanked out in place, but an open thought stays", () => {
    fc.assert(
      fc.property(word, word, word, (before, thought, after) => {
        const text = `${before}<think>${thought}</think>${after}`;
        const blank = blankThoughts(text);
        expect(blank).toHaveLength(text.length);
        expect(blank.replaceAll(" ", "")).toBe(before + after);
      }),
    );
    expect(blankThoughts("<think>q</think>a<think>b")).toBe(`${" ".repeat(16)}a<think>b`);
  });
});
