import { formatQuestion } from "@/core/scoring/rule-scoring";
import type { Episode, MethodName, Protocol } from "@/contracts/records/episode";
import type { MethodSettings } from "@/contracts/run-config/method";
import { resolveSampling } from "@/contracts/run-config/sampling";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { computeCacheKey, deriveSeed } from "@/gpu-workers/runtime/keys";
import type { ModelMethod, StepsListener } from "@/gpu-workers/searcher/method";
import { formatSearcherQuestion } from "@/gpu-workers/searcher/prompt";
import type { MethodModel } from "./method-model";
import type { PromptTemplate } from "@/core/prompts/prompt-template";
import { EpisodeTrace } from "./episode-trace";
import type { MethodPlan } from "./method-plan";

/** A method as a user reads it: what each protocol prescribes, and what is done for one question. */
export interface MethodDefinition {
  name: MethodName;
  /** Counts up with every change that can change an episode. */
  version: number;
  /** Thoughts and actions stand in one text: a text that ends within its thoughts is read, too. */
  thinksInText?: true;
  plans: Record<Protocol, MethodPlan>;
  run(
    trace: EpisodeTrace,
    question: QuestionPrompt,
    plan: MethodPlan,
    protocol: Protocol,
  ): Promise<void>;
}

/** A question for whoever answers it, and for whoever only searches. */
export interface QuestionPrompt {
  /** With the options of a multiple choice. */
  toAnswer: string;
  /** Without them: a retriever, and a model that only writes queries, gets the question alone. */
  toSearch: string;
  /** As the searcher of s3 reads it. */
  toSearcher: string;
}

/** What a method's prompt and its searches are made of. */
export const buildQuestionPrompt = (
  question: Pick<Question, "question" | "options">,
  protocol: Protocol,
): QuestionPrompt => ({
  toAnswer: formatQuestion(question),
  toSearch: question.question,
  toSearcher: formatSearcherQuestion(question, protocol),
});

export interface MethodDependencies {
  model: MethodModel;
  /** null where the method does not search. */
  retriever: Pick<Retriever, "search" | "describe"> | null;
  documents: DocumentStore;
  template: PromptTemplate;
  /** null where the method condenses nothing. */
  condensing: PromptTemplate | null;
  /** What else of the prompts can change an episode. */
  furtherPrompts?: readonly string[];
  protocol: Protocol;
  settings: Pick<
    MethodSettings,
    | "retrieve"
    | "searches"
    | "temperature"
    | "topP"
    | "topK"
    | "repetitionPenalty"
    | "maxTokens"
    | "answeredBy"
  >;
  /** Who answers: with `generator` what the method itself answered is left out of its episodes. */
  generates: boolean;
  seed: number;
}

/** A method: its definition with everything it needs. Questions are worked on side by side. */
export function createMethod(
  definition: MethodDefinition,
  dependencies: MethodDependencies,
): ModelMethod {
  const { model, retriever, documents, template, condensing, protocol, settings, seed } =
    dependencies;
  const prescribed = definition.plans[protocol];
  const plan: MethodPlan = {
    ...prescribed,
    retrieve: settings.retrieve ?? prescribed.retrieve,
    searches: settings.searches ?? prescribed.searches,
    topP: undefined,
    ...resolveSampling(settings, prescribed, model.hasOwnDefaults),
    maxTokens: settings.maxTokens ?? prescribed.maxTokens,
  };

  const chatTemplates = [template, condensing].flatMap(
    (prompt) => (prompt && model.describeChat?.(prompt.fill({}))) ?? [],
  );

  const answersAs = dependencies.generates ? null : { model: model.name, prompt: template.label };

  const computeEpisodeKey: ModelMethod["computeEpisodeKey"] = (question) =>
    computeCacheKey({
      record: "episode",
      method: definition.name,
      version: definition.version,
      protocol,
      plan,
      prompts: [
        template.label,
        ...(condensing ? [condensing.label] : []),
        ...(dependencies.furtherPrompts ?? []),
      ],
      model: model.identity,
      chatTemplates: chatTemplates.length > 0 ? chatTemplates : undefined,
      retriever: retriever?.describe().key,
      answeredBy: dependencies.generates ? "generator" : "method",
      seed: plan.temperature > 0 ? seed : undefined,
      question: [question.id, formatQuestion(question)],
    });

  async function runEpisode(
    question: Question,
    signal: AbortSignal,
    onSteps?: StepsListener,
  ): Promise<Episode> {
    let calls = 0;
    const trace = new EpisodeTrace({
      model,
      retriever,
      documents,
      template,
      condensing,
      signal,
      plan,
      thinksInText: definition.thinksInText ?? false,
      nextSeed: () => deriveSeed(seed, question.id, calls++),
      onSteps,
    });
    await definition.run(trace, buildQuestionPrompt(question, protocol), plan, protocol);
    const { steps, context, usage, ownAnswer } = trace.getResult();
    return {
      key: computeEpisodeKey(question),
      method: definition.name,
      protocol,
      questionId: question.id,
      sampleIndex: 0,
      steps,
      context,
      usage,
      ...(answersAs && { ownAnswer: { ...answersAs, text: ownAnswer } }),
    };
  }

  /** Episodes of a batch in which another question failed: they are not made, and paid for, again. */
  const finished = new Map<string, Episode>();
  return {
    name: definition.name,
    ownAnswerLabel: answersAs,
    computeEpisodeKey,
    async run(questions, signal, onSteps) {
      const settled = await Promise.allSettled(
        questions.map(
          async (question) => finished.get(question.id) ?? runEpisode(question, signal, onSteps),
        ),
      );
      const failed = settled.find((result) => result.status === "rejected");
      for (const [i, result] of settled.entries()) {
        if (failed && result.status === "fulfilled") finished.set(questions[i]!.id, result.value);
        else finished.delete(questions[i]!.id);
      }
      if (failed) throw failed.reason;
      return settled.map((result) => (result as PromiseFulfilledResult<Episode>).value);
    },
  };
}
