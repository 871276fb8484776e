import { escapeToOneLine, escapeSpecialTokens } from "@/gpu-workers/llm/prompts/escape-text";
import {
  extractStatedAnswer,
  formatDocuments,
  cutBeforeImitation,
  extractTag,
} from "./parse-output";
import type { MethodDefinition } from "./method-definition";

/** How a model might imitate the documents it is shown. */
const IMITATIONS = ["<information>", "<documents>", "Doc 1(Title:"];

/**
 * IRCoT (Trivedi et al. 2023): retrieval and reasoning take turns; each new thought is the next query. `paper`: one
 * sentence a step, greedy, until a sentence says the answer. `upstream` (the released code of s3): a thought a step at
 * temperature 0.7, until <search_complete>Yes. The context is every document retrieved.
 */
export const ircot: MethodDefinition = {
  name: "ircot",
  version: 2,
  plans: {
    paper: { retrieve: 3, searches: 4, temperature: 0, maxTokens: 128, stop: ["\n"] },
    upstream: { retrieve: 3, searches: 4, temperature: 0.7, topP: 0.95, maxTokens: 512, stop: [] },
  },
  async run(trace, question, plan, protocol) {
    const found = new Map<string, { title: string; text: string }>();
    const keep = async (query: string, by: "question" | "model"): Promise<void> => {
      for (const document of await trace.retrieve(query, plan.retrieve, by))
        found.set(document.hash, document);
      trace.select(null);
    };
    await keep(question.toSearch, "question");
    const thoughts: string[] = [];
    let answer: string | null = null;
    for (let search = 0; ; search++) {
      const { text } = await trace.generate(
        trace.buildPrompt({
          question: escapeToOneLine(question.toAnswer),
          documents: formatDocuments([...found.values()]),
          thoughts: thoughts.join(" ") || "(none yet)",
        }),
      );
      const { own, invented } = cutBeforeImitation(text, IMITATIONS);
      if (invented) trace.reject("invented-documents", text);
      const thought =
        protocol === "paper"
          ? cutFirstSentence(own)
          : own.replace(/<\/?search_complete>/g, " ").trim();
      answer = extractStatedAnswer(thought) ?? answer;
      const complete =
        protocol === "paper"
          ? answer !== null
          : /^yes\b/i.test(extractTag(own, "search_complete", "first") ?? "");
      if (complete) {
        trace.recordStop("model");
        break;
      }
      if (search === plan.searches) {
        trace.recordStop("turns");
        break;
      }
      const query = escapeToOneLine(
        protocol === "paper" ? thought : own.replace(/<search_complete>[\s\S]*$/, ""),
      );
      if (query === "") {
        trace.reject("empty-query", text);
        trace.recordStop("malformed");
        break;
      }
      thoughts.push(escapeSpecialTokens(thought));
      await keep(query, "model");
    }
    trace.recordAnswer(answer, thoughts.join(" "));
  },
};

/** Up to the first full stop, question or exclamation mark that ends a sentence. */
function cutFirstSentence(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  const end = /[.!?](?=\s+[\p{Lu}\d"'(])/u.exec(line);
  // "So the answer is: Washington D.C. He ..." is cut one word late rather than one too early.
  return (
    end && !/answer is/i.test(line.slice(0, end.index)) ? line.slice(0, end.index + 1) : line
  ).trim();
}
