
# The group's object id, as the configuration has it; new: it is made, as one that Entra roles can
# be assigned to, with the name below.
: "${GROUP_@LABEL@:=@ID@}"
: "${NAME_@LABEL@:=pim-@NAME@}"
