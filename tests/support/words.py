"""The words of errors that many fields share, as answers hold them."""

REQUIRED = ["This field is required."]
NULL = ["This field may not be null."]
BLANK = ["This field may not be blank."]
NO_STRING = ["Not a valid string."]
NO_BOOLEAN = ["Must be a valid boolean."]
NO_INTEGER = ["A valid integer is required."]
LONG = ["Ensure this field has no more than 255 characters."]
