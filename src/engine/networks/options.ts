/** Go's strconv.ParseBool, as far as it says no; an option that is not there does not. */
export const isFalse = (text: string | undefined): boolean => text !== undefined && ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text);
