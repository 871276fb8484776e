import type { HubFiles } from "./corpus-presets";

/** Question sets that upstream publishes: where, and how their rows are read. Nothing is fetched before an import is started. */

export interface QuestionPreset {
  title: string;
  description: string;
  licence: string;
  /** Size of the download on disk, in GiB, shown before it is started. */
  downloadGiB: number;
  files: HubFiles;
  /** Sets that the files become under the preset's name: the files' names without their ending. */
  sets: readonly string[];
  /** Columns that their names do not identify; null: the file's column is not used. */
  mapping: { type: string; split: null };
  /** How to copy the files by hand where the network is closed. */
  byHand: string;
}

const S3_DATASET = "pat-jj/s3_processed_data";

export const QUESTION_PRESETS = {
  "s3-processed-data": {
    title: "Upstream's processed questions",
    description:
      "Training and test rows of the paper with the documents that E5 found first, and the medical test sets: train_e5_s3, test_e5_s3, mirage_wiki_test, mirage_medcorp_test. One set a file; the data set that a question is from becomes its type.",
    licence: "see the dataset's card",
    downloadGiB: 0.6,
    files: { dataset: S3_DATASET, files: /^[^/]+\.parquet$/ },
    sets: ["train_e5_s3", "test_e5_s3", "mirage_wiki_test", "mirage_medcorp_test"],
    mapping: { type: "data_source", split: null },
    byHand: `Download the .parquet files of https://huggingface.co/datasets/${S3_DATASET} elsewhere, bring them to this machine, and import each: npm run s3 -- questions import FILE --name s3-processed-data/train_e5_s3 (as the file is called) --column type=data_source --column split=`,
  },
} as const satisfies Record<string, QuestionPreset>;

export type QuestionPresetName = keyof typeof QUESTION_PRESETS;
/** The set that `questions fetch` makes of a preset's file. */
export const getFetchedSetName = <P extends QuestionPresetName>(
  preset: P,
  set: (typeof QUESTION_PRESETS)[P]["sets"][number],
): string => `${preset}/${set}`;

/** The preset that a set is of, under the name that `questions fetch` gives it; null for any other set. */
export const findQuestionPreset = (set: string): QuestionPresetName | null =>
  QUESTION_PRESET_NAMES.find((preset) =>
    (QUESTION_PRESETS[preset].sets as readonly string[]).some(
      (file) => set === `${preset}/${file}`,
    ),
  ) ?? null;

/** The command that fetches a set of a preset, with what it downloads; null for any other set. */
export function describeFetchCommand(set: string): string | null {
  const name = findQuestionPreset(set);
  return name === null
    ? null
    : `\`npm run s3 -- questions fetch ${name}\` downloads it (${QUESTION_PRESETS[name].downloadGiB} GiB)`;
}

export const QUESTION_PRESET_NAMES = Object.keys(QUESTION_PRESETS) as [
  QuestionPresetName,
  ...QuestionPresetName[],
];
