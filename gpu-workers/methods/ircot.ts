import { escapeToOneLine, escapeSpecialTokens } from "@/gpu-workers/llm/prompts/escape-text";
import { answerIs, listed, ownPart, tagged } from "./reading";
import type { Recipe } from "./recipe";

/** How a model might imitate the documents it is shown. */
const IMITATIONS = ["<information>", "<documents>", "Doc 1(Title:"];

/**
 * IRCoT (Trivedi et al. 2023): retrieval and reasoning take turns; each new thought is the next query. `paper`: one
 * sentence a step, greedy, until a sentence says the answer. `upstream` (the released code of s3): a thought a step at
 * temperature 0.7, until <search_complete>Yes. The context is every document retrieved.
 */
export const ircot: Recipe = {
  name: "ircot",
  version: 1,
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
    await keep(question.searched, "question");
    const thoughts: string[] = [];
    let answer: string | null = null;
    for (let search = 0; ; search++) {
      const { text } = await trace.generate(
        trace.prompt({
          question: escapeToOneLine(question.asked),
          documents: listed([...found.values()]),
          thoughts: thoughts.join(" ") || "(none yet)",
        }),
      );
      const { own, invented } = ownPart(text, IMITATIONS);
      if (invented) trace.reject("invented-documents", text);
      const thought =
        protocol === "paper"
          ? firstSentence(own)
          : own.replace(/<\/?search_complete>/g, " ").trim();
      answer = answerIs(thought) ?? answer;
      const complete =
        protocol === "paper"
          ? answer !== null
          : /^yes\b/i.test(tagged(own, "search_complete", "first") ?? "");
      if (complete) {
        trace.stop("model");
        break;
      }
      if (search === plan.searches) {
        trace.stop("turns");
        break;
      }
      const query = escapeToOneLine(
        protocol === "paper" ? thought : own.replace(/<search_complete>[\s\S]*$/, ""),
      );
      if (query === "") {
        trace.reject("empty-query", text);
        trace.stop("malformed");
        break;
      }
      thoughts.push(escapeSpecialTokens(thought));
      await keep(query, "model");
    }
    trace.answer(answer, thoughts.join(" "));
  },
};

/** Up to the first full stop, question or exclamation mark that ends a sentence. */
function firstSentence(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  const end = /[.!?](?=\s+[\p{Lu}\d"'(])/u.exec(line);
  // "So the answer is: Washington D.C. He ..." is cut one word late rather than one too early.
  return (
    end && !/answer is/i.test(line.slice(0, end.index)) ? line.slice(0, end.index + 1) : line
  ).trim();
}
