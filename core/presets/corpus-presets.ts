import type { CorpusPresetName } from "@/contracts/run-config/corpus-source";

/**
 * Public corpora that the paper, its released code and MedRAG use: where they are published and how they are laid out.
 * Nothing is fetched before a person starts an import run.
 */

/** A file or a folder of a dataset repository on the Hugging Face hub. */
export interface HubFiles {
  /** "owner/name" of the dataset. */
  dataset: string;
  /** Every file whose path matches. */
  files: RegExp;
}

export interface CorpusPreset {
  title: string;
  description: string;
  /** As its publisher counts them, rounded except for wiki-18: an index is planned by it before the corpus is there. */
  passages: number;
  licence: string;
  /** Size of the download on disk, in GiB, shown before it is started. */
  downloadGiB: number;
  /** One after the other, each one's files in the order of their names. */
  corpus: readonly HubFiles[];
  /** A published index: its parts in order are one FAISS file, whose row i is line i of the corpus, encoded by `encoder`. */
  index: (HubFiles & { encoder: string }) | null;
  /** How to bring the files by hand where the worker cannot reach the hub. */
  byHand: string;
}

/** A part of MedCorp: the chunk files that MedRAG publishes. */
const listMedragFiles = (part: string): HubFiles => ({
  dataset: `MedRAG/${part}`,
  files: /^chunk\/.+\.jsonl$/,
});

const defineMedragPreset = (
  part: string,
  title: string,
  passages: number,
  what: string,
  downloadGiB: number,
): CorpusPreset => ({
  title: `MedCorp: ${title}`,
  passages,
  description: `${what} in the chunk files that MedRAG publishes (id, title, content).`,
  licence: "see the dataset's card",
  downloadGiB,
  corpus: [listMedragFiles(part)],
  index: null,
  byHand: `Clone https://huggingface.co/datasets/MedRAG/${part} elsewhere (git with LFS), bring its folder chunk/ to the worker, and import that folder as a path.`,
});

export const CORPUS_PRESETS = {
  "wiki-18": {
    title: "Wikipedia 2018",
    passages: 21_015_324,
    description:
      "21,015,324 passages of 100 words: the corpus of the paper, as Search-R1 publishes it (id, contents).",
    licence: "CC BY-SA (Wikipedia)",
    downloadGiB: 5,
    corpus: [{ dataset: "PeterJinGo/wiki-18-corpus", files: /^wiki-18\.jsonl\.gz$/ }],
    index: {
      dataset: "PeterJinGo/wiki-18-e5-index",
      files: /^part_a[a-z]$/,
      encoder: "e5-base-v2",
    },
    byHand:
      "Download wiki-18.jsonl.gz from https://huggingface.co/datasets/PeterJinGo/wiki-18-corpus elsewhere, bring it to the worker, and import it as a path.",
  },
  medcorp: {
    title: "MedCorp",
    passages: 54_225_800,
    description:
      "54.2 million passages: PubMed, textbooks, StatPearls and Wikipedia as one corpus, in MedRAG's order of these parts.",
    licence: "see the datasets' cards",
    downloadGiB: 116,
    corpus: ["pubmed", "textbooks", "statpearls", "wikipedia"].map(listMedragFiles),
    index: null,
    byHand:
      "Bring the folders chunk/ of the datasets MedRAG/pubmed, MedRAG/textbooks, MedRAG/statpearls and MedRAG/wikipedia (StatPearls, which may not be redistributed, by MedRAG's src/data/statpearls.py) to the worker as 1-pubmed/, 2-textbooks/, 3-statpearls/ and 4-wikipedia/ in one folder, and import that folder as a path.",
  },
  "medcorp-pubmed": defineMedragPreset(
    "pubmed",
    "PubMed",
    23_900_000,
    "23.9 million abstracts",
    70,
  ),
  "medcorp-statpearls": {
    ...defineMedragPreset("statpearls", "StatPearls", 300_000, "300 thousand passages", 1),
    byHand:
      "StatPearls may not be redistributed, so the dataset may hold no chunk files: fetch statpearls_NBK430685.tar.gz from NCBI's Bookshelf, cut it with MedRAG's src/data/statpearls.py, bring the folder chunk/ to the worker, and import that folder as a path.",
  },
  "medcorp-textbooks": defineMedragPreset(
    "textbooks",
    "textbooks",
    125_800,
    "125.8 thousand passages of 18 medical textbooks",
    0.2,
  ),
  "medcorp-wikipedia": defineMedragPreset(
    "wikipedia",
    "Wikipedia",
    29_900_000,
    "29.9 million passages",
    45,
  ),
} as const satisfies Record<CorpusPresetName, CorpusPreset>;
