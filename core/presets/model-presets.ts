/** Base models that presets name: where they are published. Nothing is fetched before a person asks for it. */

interface ModelPreset {
  /** "owner/name" on the Hugging Face hub. */
  repository: string;
  /** Size of the download, in GiB, shown before it is started. */
  downloadGiB: number;
  /** As the model's card names it. */
  licence: string;
}

/** By the name that the model has once it is installed. */
export const MODEL_PRESETS: Readonly<Record<string, ModelPreset>> = {
  "qwen2.5-0.5b-instruct": {
    repository: "Qwen/Qwen2.5-0.5B-Instruct",
    downloadGiB: 0.9,
    licence: "apache-2.0",
  },
  "qwen2.5-1.5b-instruct": {
    repository: "Qwen/Qwen2.5-1.5B-Instruct",
    downloadGiB: 2.9,
    licence: "apache-2.0",
  },
  "qwen2.5-3b-instruct": {
    repository: "Qwen/Qwen2.5-3B-Instruct",
    downloadGiB: 5.8,
    licence: "qwen-research",
  },
  "qwen2.5-7b-instruct": {
    repository: "Qwen/Qwen2.5-7B-Instruct",
    downloadGiB: 14.2,
    licence: "apache-2.0",
  },
};

/** Name of a fetched model here: that of its repository in small letters. */
export const getModelName = (repository: string): string =>
  (repository.split("/").at(-1) ?? repository).toLowerCase();

/** The command that installs a model of a preset. */
export const getModelCommand = ({ repository }: ModelPreset): string =>
  `npm run s3 -- model fetch ${repository}`;
