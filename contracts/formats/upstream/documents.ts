/**
 * Upstream's documents as text: `Doc 1(Title: "T") body`, one after another, numbered from 1. Pure. Only files that an
 * environment wrote are read so, never what a model wrote.
 */
export interface UpstreamDocument {
  title: string;
  text: string;
}

/** At the beginning of a line, or of a window. */
const HEAD = /(?:^|<information>)[ \t]*Doc (\d+) ?\(Title: ?/gm;

/** Documents as upstream writes them. Titles keep their quotes, which mark where they end. */
export const formatDocuments = (documents: readonly UpstreamDocument[]): string =>
  documents
    .map(({ title, text }, i) => `Doc ${i + 1}(Title: "${title.replace(/\s+/g, " ")}") ${text}`)
    .join("\n");

/**
 * The documents of a text. A number opens a document only where it is the next one, or 1 anew: a body that says "Doc 4"
 * is a body. A title ends at its quote, or at the bracket that closes the one before it, so titles may hold brackets.
 */
export function parseDocuments(text: string): UpstreamDocument[] {
  const starts: { at: number; body: number }[] = [];
  let next = 1;
  for (const match of text.matchAll(HEAD)) {
    const number = Number(match[1]);
    if (number !== next && number !== 1) continue;
    starts.push({ at: match.index, body: match.index + match[0].length });
    next = number + 1;
  }
  return starts.map(({ body }, i) => {
    const rest = text.slice(body, starts[i + 1]?.at ?? text.length);
    const end = findTitleEnd(rest);
    return {
      title: unquote(rest.slice(0, end.title)),
      text: rest
        .slice(end.body)
        .replace(/<\/?information>/g, "")
        .trim(),
    };
  });
}

function findTitleEnd(rest: string): { title: number; body: number } {
  const line = rest.indexOf("\n") < 0 ? rest.length : rest.indexOf("\n");
  if (rest.startsWith('"')) {
    const quoted = rest.indexOf('")', 1);
    if (quoted > 0 && quoted < line) return { title: quoted + 1, body: quoted + 2 };
  }
  let depth = 1;
  for (let i = 0; i < line; i++) {
    if (rest[i] === "(") depth += 1;
    if (rest[i] === ")" && --depth === 0) return { title: i, body: i + 1 };
  }
  const first = rest.indexOf(")");
  return first >= 0 && first < line
    ? { title: first, body: first + 1 }
    : { title: line, body: line };
}

const unquote = (title: string): string =>
  (title.length >= 2 && title.startsWith('"') && title.endsWith('"')
    ? title.slice(1, -1)
    : title
  ).trim();
