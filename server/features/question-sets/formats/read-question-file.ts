import { AppError } from "@/contracts/errors";
import { buildQuestionIdentity } from "@/contracts/formats/corpus-lines";
import type { ColumnMapping } from "@/contracts/formats/question-file";
import {
  createRoundedIdsState,
  listRoundedIds,
  looksRounded,
  noteRoundedId,
} from "@/core/reading/rounded-ids";
import type { SourceRow } from "@/core/reading/source-record";
import type { ValueNote } from "@/core/reading/text-values";
import {
  getValueAt,
  listColumns,
  guessMapping,
  mapRow,
  RowProblem,
  type MappedQuestion,
  type RowReading,
  type TextOptions,
} from "./column-mapping";
import {
  isProblem,
  openRows,
  type QuestionBytes,
  type QuestionRow,
  type QuestionRows,
} from "./read-rows";

export interface FileProblem {
  where: string;
  message: string;
}

/** Questions of a file that belong together: one data set, one split. */
interface QuestionPart {
  /** "medqa", "test", "medqa-test"; "" where the file has one part only and no name for it. */
  name: string;
  questions: MappedQuestion[];
}

export interface QuestionFile extends Pick<QuestionRows, "format" | "container" | "text"> {
  columns: string[];
  mapping: Required<ColumnMapping>;
  /** Columns that no field is read from. */
  unread: string[];
  /** What must be decided before anything of it can be stored. */
  undecided: string[];
  rows: number;
  parts: QuestionPart[];
  /** The first rows that cannot be used, and why. */
  problems: FileProblem[];
  problemCount: number;
  /** What can be used but should be known. */
  warnings: string[];
}

export interface ReadOptions extends QuestionBytes {
  /** Overrides the guess, field by field; null: the field is not in the file. */
  mapping: ColumnMapping;
}

/** Of a file with a problem in each of its lines. */
const KEPT_PROBLEMS = 200;
/** Rows by which columns are told. */
const HEAD_ROWS = 50;

/**
 * Reads a whole question file and names every row that cannot be used, not just the first. Ids must be unique within a
 * part, because results are stored by them; a question that is asked twice only gives a warning.
 *
 * @throws AppError "invalid-input" where the file as a whole cannot be read, or holds no row
 */
export async function readQuestionFile(options: ReadOptions): Promise<QuestionFile> {
  const opened = await openRows(options);
  const collector = new QuestionCollector(options, opened);
  for await (const batch of opened.rows) collector.add(batch);
  return collector.finish();
}

/** Takes rows one after the other; the columns are told by the first of them. */
class QuestionCollector {
  private head: QuestionRow[] | null = [];
  private rows = 0;
  private columns: string[] = [];
  private mapping: Required<ColumnMapping> = guessMapping([]);
  private undecided: string[] = [];
  private readonly problems: (FileProblem & { row: number })[] = [];
  private problemCount = 0;
  private readonly questions: CollectedQuestion[] = [];
  private readonly sources = new Set<string | null>();
  /** Columns that a person named and no row has had so far. */
  private readonly missing: Set<string>;
  private readonly notes = new Map<ValueNote, number>();
  /** Ids of questions and of gold passages that look rounded. */
  private readonly rounded = {
    id: createRoundedIdsState<string>(),
    goldIds: createRoundedIdsState<string>(),
  };
  private readonly reading: RowReading;

  constructor(
    private readonly options: ReadOptions,
    private readonly opened: QuestionRows,
  ) {
    this.missing = new Set(Object.values(options.mapping).filter((column) => column !== null));
    const { booleans, cells } = options.reading;
    this.reading = {
      booleans,
      cells,
      isCell: opened.columns !== null,
      note: (note) => this.notes.set(note, (this.notes.get(note) ?? 0) + 1),
    };
  }

  add(rows: readonly QuestionRow[]): void {
    if (this.head === null) {
      this.take(rows);
      return;
    }
    this.head.push(...rows.slice(0, HEAD_ROWS));
    if (this.head.length < HEAD_ROWS) return;
    const { head } = this;
    this.begin();
    this.take(head);
    this.take(rows.slice(HEAD_ROWS));
  }

  finish(): QuestionFile {
    if (this.head !== null) {
      const { head } = this;
      this.begin();
      this.take(head);
    }
    if (this.rows === 0) throw new AppError("invalid-input", "The file holds no question.");
    const { format, container, text } = this.opened;
    const parts = this.collectParts();
    return {
      format,
      container,
      text,
      columns: this.columns,
      mapping: this.mapping,
      unread: this.listUnread(),
      // Where no row can be read, that is what is wrong.
      undecided: this.problemCount === this.rows ? [] : [...this.undecided, ...this.listMissing()],
      rows: this.rows,
      parts,
      // Those of repeated ids were found last.
      problems: this.problems
        .sort((a, b) => a.row - b.row)
        .map(({ where, message }) => ({ where, message })),
      problemCount: this.problemCount,
      warnings: [
        ...this.buildWarnings(),
        ...buildTextOptionWarnings(parts),
        ...buildRepeatWarnings(parts),
      ],
    };
  }

  /** Tells columns and mapping by the first rows. */
  private begin(): void {
    const rows = (this.head ?? []).flatMap(({ value }) => (isProblem(value) ? [] : [value]));
    this.columns = this.opened.columns?.slice() ?? listColumns(rows);
    const guessed = guessMapping(this.opened.columns ?? listColumns(rows, true));
    this.mapping = { ...guessed, ...this.options.mapping };
    this.undecided = this.listUndecided(this.head?.every(({ hasKey }) => hasKey) ?? false);
    this.head = null;
  }

  private listUndecided(hasKeys: boolean): string[] {
    const known = `The columns: ${this.columns.slice(0, 40).join(", ") || "none"}.`;
    const { id, question, answers, options } = this.mapping;
    const undecided = this.opened.doubt === null ? [] : [this.opened.doubt];
    if (question === null)
      undecided.push(
        `No column is known to hold the questions: name it (question=COLUMN). ${known}`,
      );
    if (answers === null && options === null)
      undecided.push(`No column is known to hold the answers: name it (answers=COLUMN). ${known}`);
    if (id === null && !hasKeys && !("id" in this.options.mapping))
      undecided.push(
        `No column is known to hold the ids: name it (id=COLUMN), or say that there is none (id=): the questions are then numbered by their lines. ${known}`,
      );
    return undecided;
  }

  private listMissing(): string[] {
    return [...this.missing].map(
      (column) =>
        `There is no column ${JSON.stringify(column)}. The columns: ${this.columns.slice(0, 40).join(", ")}.`,
    );
  }

  private take(rows: readonly QuestionRow[]): void {
    const isMapped =
      this.mapping.question !== null && (this.mapping.answers ?? this.mapping.options) !== null;
    for (const row of rows) {
      this.rows += 1;
      if (isProblem(row.value)) {
        this.addProblem(this.rows, row.where, row.value.problem);
        continue;
      }
      for (const column of this.missing)
        if (getValueAt(row.value, column) !== undefined) this.missing.delete(column);
      if (isMapped) this.takeRow(row, row.value);
    }
  }

  private takeRow({ where, fallbackId, hasKey, part }: QuestionRow, row: SourceRow): void {
    try {
      const mapped = mapRow(
        row,
        this.mapping,
        hasKey || this.mapping.id === null ? fallbackId : null,
        this.reading,
      );
      const source = typeof row.data_source === "string" ? row.data_source : null;
      this.sources.add(source);
      noteRoundedId(this.rounded.id, mapped.record.id, where);
      for (const id of mapped.record.goldIds) noteRoundedId(this.rounded.goldIds, id, where);
      this.questions.push({ mapped, where, row: this.rows, part, source });
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error;
      this.addProblem(this.rows, where, error.message);
    }
  }

  private addProblem(row: number, where: string, message: string): void {
    this.problemCount += 1;
    if (this.problems.length < KEPT_PROBLEMS) this.problems.push({ row, where, message });
  }

  /** The questions by part. An id that another question of its part has is a problem. */
  private collectParts(): QuestionPart[] {
    // Upstream numbers the rows of each data set from 0 and then joins the sets into one file.
    const isJoined = this.sources.size > 1 && this.mapping.id !== null;
    const parts = new Map<string, CollectedPart>();
    for (const { mapped, where, row, part, source } of this.questions) {
      const { record, split } = mapped;
      if (isJoined && source !== null) record.id = `${source}-${record.id}`;
      const name = [part, split]
        .filter((text) => text !== null)
        .join("-")
        .replace(/[^\w.-]+/g, "_");
      const target: CollectedPart = parts.get(name) ?? { name, questions: [], places: new Map() };
      parts.set(name, target);
      const earlier = target.places.get(record.id);
      if (earlier === undefined) {
        target.places.set(record.id, where);
        target.questions.push(mapped);
      } else
        this.addProblem(
          row,
          where,
          `repeats the id ${JSON.stringify(record.id)} of ${earlier}${looksRounded(record.id) ? ": a spreadsheet may have rounded both" : ""}`,
        );
    }
    return [...parts.values()]
      .filter(({ questions }) => questions.length > 0)
      .map(({ name, questions }) => ({ name, questions }));
  }

  private listUnread(): string[] {
    const read = Object.values(this.mapping).filter((column) => column !== null);
    return this.columns.filter(
      (column) => !read.some((path) => column === path || column.startsWith(`${path}.`)),
    );
  }

  private buildWarnings(): string[] {
    const notes = [...this.notes].flatMap(([note, count]) => {
      const warning = NOTE_WARNINGS[note];
      return warning === null ? [] : [`${count} ${count === 1 ? "value" : "values"} ${warning}`];
    });
    return [
      ...notes,
      ...this.buildRoundedWarnings("id", "id", "ids"),
      ...this.buildRoundedWarnings("goldIds", "gold id", "gold ids"),
    ];
  }

  private buildRoundedWarnings(field: "id" | "goldIds", one: string, several: string): string[] {
    const { count, first } = listRoundedIds(this.rounded[field]);
    if (count === 0) return [];
    const shown = first.slice(0, 5).map(({ place, id }) => `${place}: ${id}`);
    const more = count > shown.length ? ", …" : "";
    return [
      `${count} ${count === 1 ? one : several} as a spreadsheet writes numbers that it has rounded (${shown.join(", ")}${more}): take them as text from where the table was made.`,
    ];
  }
}

/** A part, and where each id of it stands. */
type CollectedPart = QuestionPart & { places: Map<string, string> };

interface CollectedQuestion {
  mapped: MappedQuestion;
  where: string;
  row: number;
  part: string | null;
  source: string | null;
}

/** What was done to values; null: nothing that a person should look at. */
const NOTE_WARNINGS: Readonly<Record<ValueNote, string | null>> = {
  boolean:
    'true or false, read as the setting "booleans" says: yes and no, which a model answers, or true and false.',
  "json-list": null,
  "python-list": "held as Python writes a list or dictionary, read as such.",
  "numpy-list": "held as NumPy writes an array, read as a list.",
  "inner-list": "held as the text of a list within a list, read as the items of it.",
  "suspicious-text":
    "with the look of true, false, nothing (None, null, nan) or a list of numbers, taken as text.",
  "option-place": "of an answer, a number taken for the place of an option, counted from 0.",
  "bare-letter":
    "of an answer, a single letter while no options are known: map them where it means one (options=COLUMN).",
  pipe: 'parted at "|"; where it belongs to the text, set the cells to text.',
};

/** What is said of options that stand in the text of questions, after how many they are. */
const TEXT_OPTION_WARNINGS: Readonly<Record<TextOptions, string>> = {
  read: "with the options below its text, as upstream's medical rows have them: read as options, the gold answer as the letter and text of one of them.",
  dropped:
    'with "Options:" below its text of which no multiple choice can be read (two options or more, the gold answer one of them): asked without what stands below, as a free question.',
  within:
    "in whose text options seem to stand: asked as it is, as a free question. Where it is a multiple choice, bring options and answer in columns of their own (options=COLUMN, answerLetter=COLUMN).",
};

function buildTextOptionWarnings(parts: readonly QuestionPart[]): string[] {
  const all = parts.flatMap(({ questions }) => questions);
  return (Object.keys(TEXT_OPTION_WARNINGS) as TextOptions[]).flatMap((kind) => {
    const found = all.filter(({ textOptions }) => textOptions === kind);
    const [first] = found;
    if (!first) return [];
    const example = JSON.stringify(first.record.question.slice(0, 120));
    return [
      `${found.length} ${found.length === 1 ? "question" : "questions"} ${TEXT_OPTION_WARNINGS[kind]} E.g. ${example}`,
    ];
  });
}

/** How many questions of a part are there more than once, whatever their case and white space. */
function buildRepeatWarnings(parts: readonly QuestionPart[]): string[] {
  let repeated = 0;
  for (const { questions } of parts) {
    const times = new Map<string, number>();
    for (const { record } of questions) {
      const text = buildQuestionIdentity(record);
      times.set(text, (times.get(text) ?? 0) + 1);
    }
    repeated += [...times.values()].filter((count) => count > 1).length;
  }
  return repeated > 0
    ? [`${repeated} questions are asked more than once (under ids of their own); each counts.`]
    : [];
}
