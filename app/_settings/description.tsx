/** A description with its `code` parts set as code. */
export function Description({ text }: { text: string }) {
  return text.split("`").map((part, i) =>
    i % 2 === 1 ? (
      <code key={i} className="rounded bg-muted px-1 font-mono text-2xs">
        {part}
      </code>
    ) : (
      part
    ),
  );
}
