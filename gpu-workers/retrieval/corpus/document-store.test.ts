import { expect, it } from "vitest";
import { DocumentStore } from "./document-store";

const document = (id: string) => ({ id, hash: id, title: id, text: `text of ${id}`, score: 1 });

it("a book keeps the texts of batches that are open, whichever ends first", () => {
  const book = new DocumentStore();
  const endFirst = book.openBatch();
  const a = book.add(document("a"));
  const endSecond = book.openBatch();
  const b = book.add(document("b"));
  endSecond();
  expect(book.getText(a).text).toBe("text of a");
  const endThird = book.openBatch();
  book.add(document("a"));
  endFirst();
  expect(book.getText(a).text).toBe("text of a");
  expect(() => book.getText(b)).toThrow(/No text is held/);
  endThird();
  expect(() => book.getText(a)).toThrow(/No text is held/);
});
