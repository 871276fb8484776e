/**
 * What somebody who has read them says of naive RAG's answers to the first held-out questions: whether each is right. The
 * generator is frozen and answers at temperature 0, so that a new recording brings them again; one that it answers otherwise
 * by then is not labelled.
 */
export const READ_ANSWERS: readonly (readonly [
  questionId: string,
  answer: string,
  isRight: boolean,
])[] = [
  ["nepal:capital-independence", "1923", true],
  ["kyrgyzstan:dish-region", "Western Europe", false],
  ["uganda:dish-calling", "+237", false],
  ["yemen:capital-dish", "Saltah", true],
  ["philippines:dish-currency", "USD", false],
  ["mexico:dish-2-calling", "+378", false],
  ["ukraine:dish-capital", "Luxembourg", false],
  ["ireland:dish-calling", "+378", false],
  ["hungary:capital-region", "Eastern Europe", true],
  ["philippines:capital-currency", "The Philippines", false],
  ["cape-verde:dish-calling", "+378", false],
  ["pakistan:capital-dish", "Biryani", true],
  ["afghanistan:capital-currency", "Afghanistan", false],
  ["mauritania:capital-government", "Republic", true],
  ["malta:dish-2-calling", "+378", false],
  ["new-zealand:capital-currency", "Australian Dollar", false],
  ["trinidad-and-tobago:dish-capital", "Portugal", false],
  ["vietnam:dish-currency", "French", false],
  ["mauritania:capital-independence", "1990", false],
  ["nepal:dish-calling", "+378", false],
  ["bulgaria:dish-religion", "Christianity", true],
  ["syria:capital-dish", "Kibbeh", true],
  // The span rule finds "Republic" in it; it names another country.
  ["cape-verde:dish-government", "Republic of Honduras", false],
];
