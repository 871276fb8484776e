"use client";
import { useText } from "@/app/_i18n/text-provider";
import { TERM_TITLES, type GlossaryTerm } from "@/core/glossary/term-titles";
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
  const title = t(TERM_TITLES[term]);
  return (
    <HelpPopover name={name ?? title} title={title} className={className}>
      {({ TermExplanation }) => <TermExplanation term={term} />}
    </HelpPopover>
  );
}
