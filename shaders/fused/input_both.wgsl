// includes fused/input_backward, fused/input_forward
//
// Both products of the first layer in one dispatch: a workgroup's block of texels is its slice of the inputs, so that the weights that the
// second product reads are those that the same workgroup has moved.

@compute @workgroup_size(WORKGROUP)
fn fused_input_both(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  if group.y >= tiles_of_columns() {
    if (step.parts & UPDATE) != 0u {
      move_others(group, thread);
    }
    return;
  }
  let begun = first_images(group.x, 0u, thread); // arrives meanwhile
  if (step.parts & UPDATE) != 0u {
    backward(group.y * COLUMNS, group.x, thread);
    storageBarrier();
    workgroupBarrier();
  }
  if (step.parts & FORWARD) != 0u {
    forward(group.y * COLUMNS, group.x, thread, begun);
  }
}
