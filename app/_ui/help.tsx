"use client";
import Link from "next/link";
import { useText } from "@/app/_i18n/text-provider";
import { GLOSSARY, type GlossaryEntry, type GlossaryTerm } from "@/core/glossary/glossary";
import { HelpPopover } from "./help-popover";

interface HelpProps {
  term: GlossaryTerm;
  /** What the button asks for where it is not the term's own title, e.g. "Recall @10". */
  name?: string;
  className?: string;
}

/** What a term or metric means, from the glossary, with its formula and source: opened by click, touch or keyboard. */
export function Help({ term, name, className }: HelpProps) {
  const t = useText();
  const entry: GlossaryEntry = GLOSSARY[term];
  const title = t(entry.title);
  const { formula, source } = entry;
  return (
    <HelpPopover name={name ?? title} title={title} className={className}>
      <p className="mt-1">{t(entry.text)}</p>
      {formula ? <code className="mt-1 block font-mono">{formula}</code> : null}
      {source ? <p className="mt-1 text-muted-foreground">{source}</p> : null}
      <Link href={`/glossary#${term}`} className="mt-1 inline-block text-primary hover:underline">
        {t("In the glossary")}
      </Link>
    </HelpPopover>
  );
}
