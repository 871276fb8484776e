import type { TokenSampling } from "@/contracts/run-config/sampling";

/** Sampling in the words of an OpenAI-compatible server. */
export interface SamplingParameters {
  temperature: number;
  top_p?: number;
  top_k?: number;
  repetition_penalty?: number;
}

/** What is left out is not sent: the server then samples by a default of its own. */
export const buildSamplingParameters = ({
  temperature,
  topP,
  topK,
  repetitionPenalty,
}: TokenSampling): SamplingParameters => ({
  temperature,
  ...(topP === undefined ? {} : { top_p: topP }),
  // Not of OpenAI's dialect: vLLM, SGLang and llama.cpp take them, and who refuses them says so.
  ...(topK === undefined ? {} : { top_k: topK }),
  ...(repetitionPenalty === undefined ? {} : { repetition_penalty: repetitionPenalty }),
});

/** Parameters that a run's settings ask for, each with its setting: without one of them another question would be asked. */
export const listSetParameters = ({
  topP,
  topK,
  repetitionPenalty,
}: {
  topP?: number | null | undefined;
  topK?: number | undefined;
  repetitionPenalty?: number | undefined;
}): Readonly<Record<string, string>> => ({
  ...(typeof topP === "number" && { top_p: "methodSettings.topP" }),
  ...(topK !== undefined && { top_k: "methodSettings.topK" }),
  ...(repetitionPenalty !== undefined && {
    repetition_penalty: "methodSettings.repetitionPenalty",
  }),
});
