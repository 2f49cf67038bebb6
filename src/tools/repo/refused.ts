/** Wrong use, or something that must not be done: the message says what was asked, what was found and what to do. */
export class Refused extends Error {}
