import { AppError } from "@/contracts/errors";
import {
  buildQuestionIdentity,
  LineError,
  parseQuestionLine,
  type QuestionRecord,
} from "@/contracts/formats/corpus-lines";

const LISTED_PROBLEMS = 50;

/**
 * Parses a whole question file and reports every bad line, not just the first.
 *
 * @throws AppError "invalid-input" with one line per problem: "line 3 is not JSON: ..."
 */
export function parseQuestionJsonl(jsonl: string): QuestionRecord[] {
  const questions: QuestionRecord[] = [];
  const problems: string[] = [];
  const lineOfId = new Map<string, number>();
  const lineOfText = new Map<string, number>();
  for (const [index, line] of jsonl.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const number = index + 1;
    try {
      const question = parseQuestionLine(line, number);
      const text = buildQuestionIdentity(question);
      const sameId = lineOfId.get(question.id);
      const sameText = lineOfText.get(text);
      if (sameId !== undefined)
        throw new LineError(
          number,
          `repeats the id ${JSON.stringify(question.id)} of line ${sameId}`,
        );
      if (sameText !== undefined)
        throw new LineError(number, `repeats the question of line ${sameText}`);
      lineOfId.set(question.id, number);
      lineOfText.set(text, number);
      questions.push(question);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) {
    const more =
      problems.length > LISTED_PROBLEMS ? [`and ${problems.length - LISTED_PROBLEMS} more`] : [];
    throw new AppError(
      "invalid-input",
      [
        `Nothing was imported; ${problems.length} of the lines cannot be used:`,
        ...problems.slice(0, LISTED_PROBLEMS),
        ...more,
      ].join("\n"),
    );
  }
  if (questions.length === 0)
    throw new AppError(
      "invalid-input",
      "The file holds no question. Each line is a JSON object with id, question and answers.",
    );
  return questions;
}
