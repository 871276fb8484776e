/** Characters of a query that a person types. In a file of its own: pages that link to a search need no schemas. */
export const MAX_QUERY_LENGTH = 2000;
