import { useText } from "@/app/_i18n/text-provider";

/** A passage of a corpus. */
export function Passage({ passage }: { passage: { id: string; title: string; text: string } }) {
  const t = useText();
  return (
    <article className="border-t px-4 py-2.5" data-passage={passage.id}>
      <p className="flex flex-wrap items-baseline gap-x-2">
        <span className="font-medium break-words">{passage.title || t("Untitled")}</span>
        <code className="font-mono text-2xs break-all text-muted-foreground">{passage.id}</code>
      </p>
      <p className="mt-0.5 line-clamp-6 text-xs break-words whitespace-pre-wrap">{passage.text}</p>
    </article>
  );
}
