import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import { findChosenOption } from "./option-letter";

const MINERALS: MultipleChoice = {
  choices: [
    { letter: "A", text: "Aspirin" },
    { letter: "B", text: "Zinc" },
    { letter: "C", text: "Iron" },
    { letter: "D", text: "Copper" },
  ],
  answer: "C",
};
const VITAMINS: MultipleChoice = {
  choices: [
    { letter: "A", text: "Aspirin" },
    { letter: "B", text: "Vitamin B12" },
    { letter: "C", text: "Iron" },
    { letter: "D", text: "Iron and aspirin" },
  ],
  answer: "B",
};
const VERDICTS: MultipleChoice = {
  choices: [
    { letter: "A", text: "yes" },
    { letter: "B", text: "no" },
    { letter: "C", text: "maybe" },
  ],
  answer: "A",
};

describe("the chosen option", () => {
  it.each([
    "Answer: C\n\nExplanation: A is a painkiller, B a trace element.",
    "(C)",
    "c)",
    "option c",
    "Option C",
    "**C**",
    "__C__",
    "`C`",
    "C\n",
    "C, because ferritin is low",
    "C because ferritin is low",
    "C: Iron",
    "[C] Iron",
    "“C”",
    "\\boxed{\\textbf{(C)}}",
    "$\\boxed{C. \\text{Iron}}$",
    "First \\boxed{A}, no: \\boxed{C}",
    "Final answer: c",
    "Final Answer: $\\boxed{\\mathrm{C}}$",
    "I choose C over A",
    "I would go with option C rather than A or B.",
    "not A but C",
    "The answer is not A but C.",
    "A and C are wrong; B would be, too. So the answer is C.",
    "A, B and D are incorrect; C",
    "A is wrong. C is correct. D is less likely.",
    "C is the correct answer, although A is often given.",
    "The correct answer is C, since A and D are not causes.",
    "## Answer\n\nC",
    "### Answer: C\n\n### Why\nOption A only eases pain.",
    "**Answer:** C",
    "**Answer: C**",
    "The correct option is **(C) Iron**.",
    '```json\n{\n  "step_by_step_thinking": "Option A only eases pain.",\n  "answer_choice": "C"\n}\n```',
    '{"answer": "C. Iron", "explanation": "A and D do not fit"}',
    "{'answer_choice': 'c'}",
    '{"answer_choice": ["C"]}',
    '{"answer": "Iron"}',
    "答案是C。",
    "答案：C",
    "正确答案为（C）。选项A只能止痛。",
    "因此选C",
    "【C】",
    "Ｃ",
    "<think>Option A? The answer is B.</think>\n\nThe answer is C.",
    "I think A, no, B...\n</think>\nC",
    "<answer> C </answer>",
    "Let us see.\nOption A eases pain.\nOption D helps later.\n\nC",
    "If the pain were the question, the answer would be A. The answer is C.",
    "The answer is C. If pain were the question, the answer would be A.",
    "The most likely answer for this patient is C.",
    "Therefore, C.",
    "The patient had anaemia and (A) would not help, so the answer is C.",
    "If ferritin is low, the answer is C.",
    "D is best known for nerves. Iron.",
    "It's C.",
    "Iron",
    "iron.",
    "The patient lacks iron.",
    "La respuesta correcta es C.",
    "Antwort: C",
    "A: C",
    "A: (C)",
    "A: C. Iron",
    "C</s>",
    "C<|eot_id|>",
    "C<|im_end|>",
    "C<｜end▁of▁sentence｜>",
    "C<end_of_turn>",
    "\u200bC",
    "| C |",
    "\\fbox{C}",
    "I think C",
    "I'd say C.",
    "Definitely C",
    "C?",
    "C (not A)",
    "It cannot be A, so C.",
    "It can't be A. C",
    "答案选C，不选A",
    "不是A，是C",
    "答案不是A，而是C",
    "A不正确，C正确",
    "A、B和D都错误，C",
    "排除A、B、D，选C",
    "C。因为A错误",
    "C、铁",
    "Step 1: the answer is A? No.\nFinal answer: C\nNote that the answer is A only for pain.",
  ])("of %j is C", (reply) => expect(findChosenOption(reply, MINERALS)).toBe("C"));

  it.each([
    "The answer is a virus.",
    "Answer: A virus causes it.",
    "I think it is a deficiency.",
    "To answer a question like this needs a test.",
    "A patient like this needs a test.",
    "the answer is a mystery",
    "",
    "Z.",
    "None of these.",
    "A or C",
    "A, C",
    "A、C",
    "A、C都正确",
    "A | B | C | D",
    "A。B。",
    "是A还是C？",
    "The answer is A and C.",
    "Both A and C are correct.",
    "A. eases pain\nB. is rarely lacking\nC. is often lacking\nD. helps later",
    "aspirin or zinc",
    "It can't be C",
    "The answer cannot be C.",
    "C > A > B > D",
    "D. Copper is wrong, so iron or zinc",
    "不是C",
    "C错误",
    '{"answer": "none of them", "why": "option C"}',
    "<think>The answer is C.</think>",
    "<think>The answer is C",
    "vitamin C deficiency",
    "C-reactive protein",
    '[{"option": "A", "fits": false}, {"option": "C", "fits": true}]',
  ])("of %j is none", (reply) => expect(findChosenOption(reply, MINERALS)).toBeNull());

  it.each([
    ["B", "B"],
    ["(b)", "B"],
    ["B. Vitamin B12", "B"],
    ["The answer is (C).", "C"],
    ["Not option A; the answer is D", "D"],
    ["A patient with anaemia needs vitamin B12", "B"],
    ["It is aspirin", "A"],
    ["aspirin or vitamin B12", null],
    // D's text holds both others that are said.
    ["iron and aspirin", "D"],
    ["I would choose (C)", "C"],
    ["A and C are wrong; B", "B"],
    ["Answer: A", "A"],
    ["The answer is a.", "A"],
    ["Answer: A aspirin", "A"],
  ])("of %j is %s", (reply, letter) => expect(findChosenOption(reply, VITAMINS)).toBe(letter));

  it.each([
    ["Yes.", "A"],
    ["no", "B"],
    ["A. yes", "A"],
    ["No, it is not.", "B"],
    ["The answer is maybe.", "C"],
    ["yes or no", null],
  ])("of %j is %s among verdicts", (reply, letter) =>
    expect(findChosenOption(reply, VERDICTS)).toBe(letter),
  );

  it("is a term that begins with another letter", () => {
    const choices = ["E. coli", "C. difficile", "B vitamins", "none"].map((text, i) => ({
      letter: "ABCD"[i]!,
      text,
    }));
    const bacteria = { choices, answer: "B" };
    expect(findChosenOption("C. difficile", bacteria)).toBe("B");
    expect(findChosenOption("C. difficile is the cause.", bacteria)).toBe("B");
    expect(findChosenOption("Answer: B vitamins", bacteria)).toBe("C");
    expect(findChosenOption("Answer: B", bacteria)).toBe("B");
  });

  it("is never one that is only thought, whatever is thought", () => {
    const thought = fc.stringMatching(/^[A-Za-z .:(){}"*\n]{0,80}$/);
    fc.assert(
      fc.property(thought, fc.constantFrom("A", "B", "C", "D"), (text, letter) => {
        const thoughts = `${text} The answer is ${letter}. ${text}`;
        const options = VITAMINS;
        expect(findChosenOption(`<think>${thoughts}</think>\nC`, options)).toBe("C");
        expect(findChosenOption(`${thoughts}</think>\n\n**C**`, options)).toBe("C");
        expect(findChosenOption(`<think>${thoughts}`, options)).toBeNull();
      }),
    );
  });

  it.each([
    "answer ",
    " ",
    "option:",
    "(",
    "A ",
    "\n",
    "C, ",
    "not A ",
    "\\boxed{",
    "**C",
    '"answer": ',
  ])("100 KB of %j take no time", (piece) => {
    const start = performance.now();
    findChosenOption(`the answer is${piece.repeat(100_000 / piece.length)}x`, VITAMINS);
    findChosenOption(`the answer${" ".repeat(100_000)}x`, VITAMINS);
    findChosenOption("</think>".repeat(12_000), VITAMINS);
    expect(performance.now() - start).toBeLessThan(1500);
  });
});

const CASE = new URL("../../../shared/cases/60-option-letter/", import.meta.url);
describe.skipIf(!existsSync(CASE))("case 60 (skipped where ../shared/cases is absent)", () => {
  const readCase = (name: string) => readFileSync(new URL(name, CASE), "utf8");
  it("every reply is read as it is meant", () => {
    const replies = JSON.parse(readCase("replies.json")) as string[];
    const ids = readCase("q.jsonl")
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { id: string }).id);
    expect(replies).toHaveLength(15);
    const found = replies.map((reply, i) => [ids[i], findChosenOption(reply, MINERALS)]);
    expect(found).toEqual(ids.map((id) => [id, id === "wrong-article" ? null : "C"]));
  });
});
