
# To activate @ROLE@ (window @WINDOWS@): who may; who approves (none: no approval); the
# authentication context an activation needs, such as c1 (none: a second factor); which mail
# addresses hear of it. Object ids and addresses stand with blanks between them.
: "${ELIGIBLE_@LABEL@:=}"
: "${APPROVERS_@LABEL@:=}"
: "${CONTEXT_@LABEL@:=}"
: "${NOTIFY_@LABEL@:=}"
