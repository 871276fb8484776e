import { expect, it } from "vitest";
import { DocumentBook } from "./documents";

const document = (id: string) => ({ id, hash: id, title: id, text: `text of ${id}`, score: 1 });

it("a book keeps the texts of batches that are open, whichever ends first", () => {
  const book = new DocumentBook();
  const endFirst = book.openBatch();
  const a = book.add(document("a"));
  const endSecond = book.openBatch();
  const b = book.add(document("b"));
  endSecond();
  expect(book.textOf(a).text).toBe("text of a");
  const endThird = book.openBatch();
  book.add(document("a"));
  endFirst();
  expect(book.textOf(a).text).toBe("text of a");
  expect(() => book.textOf(b)).toThrow(/No text is held/);
  endThird();
  expect(() => book.textOf(a)).toThrow(/No text is held/);
});
