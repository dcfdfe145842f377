
@description('Object id of the PIM group of @LABEL@')
param group_@LABEL@ string = '@ID@'
