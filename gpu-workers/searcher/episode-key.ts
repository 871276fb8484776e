import { computeCacheKey } from "@/gpu-workers/runtime/keys";
import type {
  EpisodeRequest,
  SamplingParameters,
  SearchEnvironment,
  Searcher,
} from "./episode-inputs";
import { formatSearcherQuestion, selectPrompt } from "./prompt";
import { PROTOCOL_VERSIONS } from "./protocol";

/** Cache key of an episode: everything that can change it, so it is known before the episode is run. */
export function computeEpisodeKey(
  searcher: Pick<Searcher, "identity" | "tokenizer">,
  environment: SearchEnvironment,
  sampling: SamplingParameters,
  { question, sampleIndex }: EpisodeRequest,
): string {
  const { settings, retriever, template = selectPrompt(settings) } = environment;
  return computeCacheKey({
    record: "episode",
    method: "s3",
    protocolVersion: PROTOCOL_VERSIONS[settings.protocol],
    prompt: [template.id, template.version],
    chatTemplate: template.describeChat(searcher.tokenizer.chat),
    searcher: searcher.identity,
    retriever: retriever.describe().key,
    settings,
    sampling,
    question: [question.id, formatSearcherQuestion(question, settings.protocol)],
    sampleIndex,
  });
}
