import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import type { QuestionRecord } from "@/contracts/formats/corpus-lines";
import type {
  importQuestionFileRequestSchema,
  importQuestionFileResponseSchema,
  previewQuestionsRequestSchema,
  previewQuestionsResponseSchema,
} from "@/contracts/api/question-sets";
import { isYesNoQuestion } from "@/core/questions/choose-questions";
import { selectIdsByTitle } from "@/server/features/corpora/queries";
import type { StoredCorpora } from "@/server/features/corpora/stored-corpora";
import type { Database } from "@/server/platform/db/database";
import type { QuestionSets } from "./question-sets";
import type { MappedQuestion } from "./formats/column-mapping";
import type { FileProblem, QuestionFile } from "./formats/read-question-file";
import { readQuestionFileIsolated } from "./formats/read-isolated";

const SHOWN_ROWS = 10;
/** Problems that an error lists. */
const LISTED_PROBLEMS = 50;
type FileRequest = z.output<typeof previewQuestionsRequestSchema>;

/** Question files of every format that is known: looked at first, then stored all or nothing. */
export class QuestionFileImport {
  constructor(
    private readonly database: Database,
    private readonly questionSets: QuestionSets,
    private readonly storedCorpora: StoredCorpora,
  ) {}

  /** What a file holds under a mapping, without storing anything. */
  async preview(request: FileRequest): Promise<z.infer<typeof previewQuestionsResponseSchema>> {
    const { goldCorpus } = request;
    const file = await this.parseFile(request);
    const parts = [];
    for (const { name, questions } of file.parts)
      parts.push({
        name,
        ...(await this.resolveGoldTitles(questions, goldCorpus)),
        goldTitles: questions.map((mapped) => mapped.goldTitles),
      });
    const { format, container, text, columns, unread, undecided, mapping, rows } = file;
    return {
      format,
      container,
      text,
      columns,
      unread,
      undecided,
      mapping,
      rows,
      parts: parts.map(({ name, questions, unresolved }) => ({
        name,
        questions: questions.length,
        withGold: questions.filter(hasGold).length,
        unresolvedGold: unresolved,
        withOptions: questions.filter(({ options }) => options).length,
        yesNo: questions.filter(isYesNoQuestion).length,
      })),
      sample: parts
        .flatMap(({ name, questions, goldTitles }) =>
          questions
            .slice(0, SHOWN_ROWS)
            .map((question, i) => ({ part: name, question, goldTitles: goldTitles[i]! })),
        )
        .slice(0, SHOWN_ROWS),
      problems: file.problems,
      problemCount: file.problemCount,
      warnings: [
        ...file.warnings,
        ...(goldCorpus === null
          ? buildTitleWarnings(file.parts.flatMap(({ questions }) => questions))
          : []),
      ],
    };
  }

  /** Stores the chosen parts, each as a version of a set. @throws AppError "invalid-input" with every bad row where there is one */
  async import(
    request: z.output<typeof importQuestionFileRequestSchema>,
    actor: string,
  ): Promise<z.infer<typeof importQuestionFileResponseSchema>> {
    const { name, parts: chosen, skipProblems, goldCorpus } = request;
    const file = await this.parseFile(request);
    if (file.undecided.length > 0)
      throw new AppError("invalid-input", `Nothing was imported. ${file.undecided.join("\n")}`);
    if (file.problemCount > 0 && !skipProblems)
      throw new AppError("invalid-input", formatProblems(file));
    const parts = file.parts.filter((part) => chosen === null || chosen.includes(part.name));
    const unknown = (chosen ?? []).filter(
      (part) => !file.parts.some((known) => known.name === part),
    );
    if (unknown.length > 0)
      throw new AppError(
        "invalid-input",
        `The file has no part ${unknown.map((part) => JSON.stringify(part)).join(", ")}; it has ${file.parts.map((part) => part.name || "(one part)").join(", ")}.`,
      );
    if (parts.length === 0) throw new AppError("invalid-input", "Nothing is left to import.");
    if (parts.length > 1 && name.includes("/"))
      throw new AppError(
        "invalid-input",
        `The file has ${parts.length} parts, which become ${name.split("/")[0]!}/… each: give a name without a slash, or choose one part.`,
      );
    const sets = [];
    const warnings = [...file.warnings];
    for (const part of parts) {
      const setName = parts.length === 1 ? name : `${name}/${part.name}`;
      const { questions, unresolved } = await this.resolveGoldTitles(part.questions, goldCorpus);
      const stored = await this.questionSets.store(setName, questions, actor);
      if (stored.note !== null) warnings.push(stored.note);
      if (goldCorpus === null) warnings.push(...buildTitleWarnings(part.questions));
      if (unresolved > 0)
        warnings.push(
          `${formatCount(unresolved, "question of", "questions of")} ${setName} ${unresolved === 1 ? "keeps" : "keep"} no gold passages: "${goldCorpus}" holds no passage, or several, of a title that is named.`,
        );
      sets.push({
        name: setName,
        questions: questions.length,
        withGold: questions.filter(hasGold).length,
        unresolvedGold: unresolved,
        version: stored.version,
        isNew: stored.isNew,
      });
    }
    return { sets, skipped: file.problemCount, warnings };
  }

  private parseFile({
    fileName,
    content,
    encoding,
    format,
    reading,
    mapping,
  }: FileRequest): Promise<QuestionFile> {
    return readQuestionFileIsolated({
      fileName,
      content: Buffer.from(content, encoding === "base64" ? "base64" : "utf8"),
      format,
      reading,
      mapping,
    });
  }

  /**
   * Gold passages by their titles, where a set names no ids. A title that stands over several passages, or over none,
   * does not say which passage is the gold one: such a question keeps no gold ids and is counted. Without a corpus
   * titles say nothing.
   */
  private async resolveGoldTitles(
    mapped: readonly MappedQuestion[],
    corpus: string | null,
  ): Promise<{ questions: QuestionRecord[]; unresolved: number }> {
    if (corpus === null) return { questions: mapped.map(({ record }) => record), unresolved: 0 };
    const corpusId = await this.storedCorpora.findId(corpus);
    if (corpusId === null)
      throw new AppError(
        "invalid-input",
        `goldCorpus: the server has stored no corpus "${corpus}" to look titles up in.`,
      );
    const titles = [...new Set(mapped.flatMap(({ goldTitles }) => goldTitles))];
    const idByTitle = new Map(
      (await selectIdsByTitle(this.database.db, corpusId, titles)).flatMap(({ title, ids }) =>
        ids.length === 1 ? [[title, ids[0]!] as const] : [],
      ),
    );
    let unresolved = 0;
    const questions = mapped.map(({ record, goldTitles }) => {
      if (record.goldIds.length > 0 || goldTitles.length === 0) return record;
      const ids = goldTitles.flatMap((title) => idByTitle.get(title) ?? []);
      if (ids.length === goldTitles.length) return { ...record, goldIds: ids };
      unresolved += 1;
      return record;
    });
    return { questions, unresolved };
  }
}

const hasGold = ({ goldIds }: QuestionRecord): boolean => goldIds.length > 0;
const formatCount = (n: number, one: string, many: string): string =>
  `${n} ${n === 1 ? one : many}`;

/** Titles say which passages are gold only together with a corpus. */
function buildTitleWarnings(questions: readonly MappedQuestion[]): string[] {
  const n = questions.filter(
    ({ record, goldTitles }) => record.goldIds.length === 0 && goldTitles.length > 0,
  ).length;
  if (n === 0) return [];
  return [
    `${formatCount(n, "question names its", "questions name their")} gold passages by title only: they are kept where a corpus is chosen that has one passage of each title, and dropped where none is chosen (on the command line: --gold-corpus).`,
  ];
}

function formatProblems({
  problems,
  problemCount,
}: {
  problems: readonly FileProblem[];
  problemCount: number;
}): string {
  const listed = problems.slice(0, LISTED_PROBLEMS);
  const more = problemCount > listed.length ? [`and ${problemCount - listed.length} more`] : [];
  return [
    `Nothing was imported; ${problemCount} of the rows cannot be used:`,
    ...listed.map(({ where, message }) => `${where} ${message}`),
    ...more,
  ].join("\n");
}
