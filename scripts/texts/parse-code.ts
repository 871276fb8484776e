import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "@/lib/paths.mjs";

/** A text of the interface and where it is asked for. */
export interface FoundText {
  english: string;
  place: string;
}

/** The texts that an argument may be: literals, also as the outcomes of a condition. */
export function listLiterals(node: ts.Expression): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isParenthesizedExpression(node)) return listLiterals(node.expression);
  if (ts.isConditionalExpression(node))
    return [...listLiterals(node.whenTrue), ...listLiterals(node.whenFalse)];
  if (ts.isBinaryExpression(node)) return [...listLiterals(node.left), ...listLiterals(node.right)];
  return [];
}

/** What `list` finds at each node of the code below folders, tests left out. */
export const findTexts = (
  folders: readonly string[],
  list: (node: ts.Node, source: ts.SourceFile) => string[],
): FoundText[] =>
  folders
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((path) =>
        join(folder, path),
      ),
    )
    .filter((path) => /\.tsx?$/.test(path) && !/\.test\.tsx?$|testing\//.test(path))
    .flatMap((path) => {
      const text = readFileSync(join(ROOT, path), "utf8");
      const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
      const found: FoundText[] = [];
      const visit = (node: ts.Node): void => {
        for (const english of list(node, source)) found.push({ english, place: path });
        ts.forEachChild(node, visit);
      };
      visit(source);
      return found;
    });
