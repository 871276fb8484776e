/** Where drafts of configurations are kept in this browser, one for each thing that a form begins with. */

const PREFIX = "s3.draft.";

export const readStoredDraft = (key: string): string | null => localStorage.getItem(PREFIX + key);

export const storeDraft = (key: string, text: string): void =>
  localStorage.setItem(PREFIX + key, text);

export const discardDraft = (key: string): void => localStorage.removeItem(PREFIX + key);
